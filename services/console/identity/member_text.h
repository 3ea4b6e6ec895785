// A member of a JSON object that is a text.
#ifndef RESERVE_CONSOLE_IDENTITY_MEMBER_TEXT_H_
#define RESERVE_CONSOLE_IDENTITY_MEMBER_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace reserve::console {

// Empty if it is not there, or something else.
inline std::string MemberText(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_IDENTITY_MEMBER_TEXT_H_
