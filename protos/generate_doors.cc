// Writes the doors of the services of some .proto files: for each service a class that stands
// before it and asks a Doorkeeper (common/rpc/doorkeeper.h) about every call before the service's
// handler is reached, and the list of all methods. Each door looks for the row of each of its
// methods in the table of who may call what while it is compiled, so that a method without a row
// does not build.
//
//   generate_doors DESCRIPTORS METHODS_HEADER DOORS_HEADER [--raw=SERVICE.METHOD]... PROTO...
//
// DESCRIPTORS is a FileDescriptorSet of protoc with all imports. --raw names a method whose handler
// takes bytes instead of messages.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace reserve {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr char kNotice[] = "// Written by protos/generate_doors.cc.\n";

std::string TypeOf(const Descriptor& message) {
  return absl::StrCat("::", absl::StrReplaceAll(message.full_name(), {{".", "::"}}));
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

// Return type, parameters, and what is handed on, of a method's handler.
struct Signature {
  std::string reactor;
  std::string parameters;
  std::string arguments;
};

Signature SignatureOf(const MethodDescriptor& method, bool raw) {
  const std::string request = raw ? "::grpc::ByteBuffer" : TypeOf(*method.input_type());
  const std::string response = raw ? "::grpc::ByteBuffer" : TypeOf(*method.output_type());
  const std::string context = "::grpc::CallbackServerContext* context";
  if (method.client_streaming() && method.server_streaming()) {
    return {absl::StrCat("::grpc::ServerBidiReactor<", request, ", ", response, ">"), context,
            "context"};
  }
  if (method.client_streaming()) {
    return {absl::StrCat("::grpc::ServerReadReactor<", request, ">"),
            absl::StrCat(context, ", ", response, "* response"), "context, response"};
  }
  if (method.server_streaming()) {
    return {absl::StrCat("::grpc::ServerWriteReactor<", response, ">"),
            absl::StrCat(context, ", const ", request, "* request"), "context, request"};
  }
  return {"::grpc::ServerUnaryReactor",
          absl::StrCat(context, ", const ", request, "* request, ", response, "* response"),
          "context, request, response"};
}

void AppendMethod(const MethodDescriptor& method, bool raw, std::string* out) {
  const Signature signature = SignatureOf(method, raw);
  const char* const request = method.client_streaming() ? "" : ", *request";
  absl::StrAppend(out, "  ", signature.reactor, "* ", method.name(), "(", signature.parameters,
                  ") override {\n    static constexpr const MethodAccess& kRow = RowOf(kTable, \"",
                  PathOf(method), "\");\n    if (", signature.reactor,
                  "* refusal = keeper_.Refuse<", signature.reactor, ">(kRow, context", request,
                  ")) return refusal;\n    return behind_.", method.name(), "(",
                  signature.arguments, ");\n  }\n");
}

void AppendDoor(const ServiceDescriptor& service, const std::set<std::string>& raw,
                std::string* out) {
  const std::string name = absl::StrCat(service.name(), "Door");
  const std::string full =
      absl::StrCat("::", absl::StrReplaceAll(service.full_name(), {{".", "::"}}));
  std::string base = absl::StrCat(full, "::CallbackService");
  for (int i = 0; i < service.method_count(); ++i) {
    if (raw.count(service.method(i)->full_name()) == 0) continue;
    base =
        absl::StrCat(full, "::WithRawCallbackMethod_", service.method(i)->name(), "<", base, ">");
  }
  absl::StrAppend(out, "using Behind", name, " = ", base, ";\n\n");
  absl::StrAppend(out, "// Stands before a ", service.name(),
                  ". Both that and the keeper must outlive it.\n"
                  "template <const auto& kTable>\nclass ",
                  name, " final : public Behind", name,
                  ", public ::reserve::Guarded {\n public:\n  ", name, "(Behind", name,
                  "& behind, ::reserve::Doorkeeper& keeper)\n",
                  "      : behind_(behind), keeper_(keeper) {}\n");
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    AppendMethod(method, raw.count(method.full_name()) != 0, out);
  }
  absl::StrAppend(out, "\n private:\n  Behind", name,
                  "& behind_;\n  ::reserve::Doorkeeper& keeper_;\n};\n\n");
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return !file.fail();
}

// The namespace that the package's classes are in.
std::string NamespaceOf(const FileDescriptor& file) {
  return absl::StrReplaceAll(file.package(), {{".", "::"}});
}

struct Arguments {
  std::string descriptors;
  std::string methods;
  std::string doors;
  std::set<std::string> raw;
  std::vector<std::string> protos;
};

bool Generate(const Arguments& arguments, const google::protobuf::DescriptorPool& pool) {
  std::string list;
  std::string includes;
  std::string classes;
  std::string space;
  for (const std::string& proto : arguments.protos) {
    const FileDescriptor* const file = pool.FindFileByName(proto);
    if (file == nullptr) {
      std::fprintf(stderr, "generate_doors: %s is not described\n", proto.c_str());
      return false;
    }
    space = NamespaceOf(*file);
    if (file->service_count() == 0) continue;
    absl::StrAppend(&includes, "#include \"", absl::StripSuffix(proto, ".proto"), ".grpc.pb.h\"\n");
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor& service = *file->service(i);
      AppendDoor(service, arguments.raw, &classes);
      for (int j = 0; j < service.method_count(); ++j) {
        absl::StrAppend(&list, "    \"", PathOf(*service.method(j)), "\",\n");
      }
    }
  }
  const std::string methods = absl::StrCat(
      kNotice, "#pragma once\n\n#include \"absl/strings/string_view.h\"\n\nnamespace ", space,
      " {\n\n// All methods, in the order of their files.\n"
      "inline constexpr absl::string_view kMethods[] = {\n",
      list, "};\n\n}  // namespace ", space, "\n");
  const std::string doors =
      absl::StrCat(kNotice, "#pragma once\n\n#include <grpcpp/grpcpp.h>\n\n", includes,
                   "#include \"common/access/access_table.h\"\n"
                   "#include \"common/rpc/doorkeeper.h\"\n\nnamespace ",
                   space,
                   " {\n\nusing ::reserve::MethodAccess;\n"
                   "using ::reserve::RowOf;\n\n",
                   classes, "}  // namespace ", space, "\n");
  return Write(arguments.methods, methods) && Write(arguments.doors, doors);
}

int Run(int argc, char* argv[]) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: generate_doors DESCRIPTORS METHODS DOORS [--raw=M]... PROTO...\n");
    return 2;
  }
  Arguments arguments{argv[1], argv[2], argv[3], {}, {}};
  for (int i = 4; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--raw=")) {
      arguments.raw.insert(std::string(argument));
    } else {
      arguments.protos.emplace_back(argument);
    }
  }
  google::protobuf::FileDescriptorSet set;
  std::ifstream file(arguments.descriptors, std::ios::binary);
  if (!set.ParseFromIstream(&file)) {
    std::fprintf(stderr, "generate_doors: can't read %s\n", arguments.descriptors.c_str());
    return 1;
  }
  google::protobuf::DescriptorPool pool;
  for (const auto& description : set.file()) {
    if (pool.BuildFile(description) == nullptr) return 1;
  }
  return Generate(arguments, pool) ? 0 : 1;
}

}  // namespace
}  // namespace reserve

int main(int argc, char* argv[]) { return reserve::Run(argc, argv); }
