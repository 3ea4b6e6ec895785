// A value that is large and seldom comes, held in memory of its own: a variant that has it as one
// of its kinds stays as small as what mostly comes. Copies are deep. Never empty, but for what was
// moved from.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_APART_H_
#define RESERVE_SERVICES_LEDGER_BOOK_APART_H_

#include <memory>
#include <utility>

namespace reserve::book {

template <typename Value>
class Apart {
 public:
  // A value is one of the variant's kinds as it is. NOLINTNEXTLINE(google-explicit-constructor)
  Apart(Value value) : value_(std::make_unique<Value>(std::move(value))) {}
  Apart(const Apart& other) : value_(std::make_unique<Value>(*other.value_)) {}
  Apart& operator=(const Apart& other) {
    if (this != &other) *this = Apart(other);
    return *this;
  }
  Apart(Apart&&) noexcept = default;
  Apart& operator=(Apart&&) noexcept = default;
  ~Apart() = default;

  Value& operator*() { return *value_; }
  const Value& operator*() const { return *value_; }

 private:
  std::unique_ptr<Value> value_;
};

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_APART_H_
