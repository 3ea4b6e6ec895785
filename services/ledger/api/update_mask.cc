#include "services/ledger/api/update_mask.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

absl::StatusOr<UpdateMask> UpdateMask::From(const google::protobuf::FieldMask& mask,
                                            const google::protobuf::Message& resource) {
  const Descriptor& type = *resource.GetDescriptor();
  UpdateMask fields;
  if (mask.paths().empty()) {
    std::vector<const FieldDescriptor*> set;
    resource.GetReflection()->ListFields(resource, &set);
    for (const FieldDescriptor* field : set) fields.fields_.insert(field->name());
    return fields;
  }
  for (const std::string& path : mask.paths()) {
    if (path == "*") {
      for (int i = 0; i < type.field_count(); ++i) fields.fields_.insert(type.field(i)->name());
    } else if (type.FindFieldByName(path) != nullptr) {
      fields.fields_.insert(path);
    } else {
      return InvalidField("update_mask",
                          absl::StrCat("\"", path, "\" is no field of ", type.name()));
    }
  }
  return fields;
}

absl::Status CannotBeCleared(absl::string_view field) {
  return InvalidField(field, "must be set, as update_mask names it");
}

absl::Status CheckEtag(absl::string_view etag, absl::string_view field) {
  constexpr size_t kMaxEtag = 64;
  if (etag.size() <= kMaxEtag) return absl::OkStatus();
  return InvalidField(field, "must be an etag as the ledger gave it");
}

absl::Status CheckSameId(absl::string_view in_resource, absl::string_view in_request,
                         absl::string_view field) {
  if (in_resource.empty() || in_resource == in_request) return absl::OkStatus();
  return InvalidField(field, "must be that of the request, or empty");
}

}  // namespace reserve::api
