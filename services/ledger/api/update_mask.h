// Which fields of a resource an update writes: its `update_mask`. Thread-safe: pure functions.
//
//   RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask,
//                            UpdateMask::From(request.update_mask(), request.user()));
//   if (mask.Writes("plan_id")) ...
#ifndef RESERVE_SERVICES_LEDGER_API_UPDATE_MASK_H_
#define RESERVE_SERVICES_LEDGER_API_UPDATE_MASK_H_

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve::api {

class UpdateMask {
 public:
  // An empty mask names the fields that are set in the resource, "*" all fields. What is no field
  // of the resource, or only a part of one, is INVALID_ARGUMENT at "update_mask".
  static absl::StatusOr<UpdateMask> From(const google::protobuf::FieldMask& mask,
                                         const google::protobuf::Message& resource);

  bool Writes(const std::string& field) const { return fields_.contains(field); }

 private:
  std::set<std::string> fields_;
};

// INVALID_ARGUMENT at `field` for what an update names and leaves empty, though it can't be.
absl::Status CannotBeCleared(absl::string_view field);

// INVALID_ARGUMENT at `field` for what is longer than any etag.
absl::Status CheckEtag(absl::string_view etag, absl::string_view field);

// INVALID_ARGUMENT at `field` if an id that is set in a resource is not that of the request.
absl::Status CheckSameId(absl::string_view in_resource, absl::string_view in_request,
                         absl::string_view field);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_UPDATE_MASK_H_
