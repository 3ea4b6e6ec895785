# The standard messages of errors and money, google.rpc and google.type. Clients take them from
# their own public libraries, so ours must be the public files and no copy of them: Debian ships
# them in a jar (libgoogle-common-protos-java).
#
# GOOGLE_PROTOS_DIR: the folder to import them from. GOOGLE_PROTOS: those that we compile.
find_file(GOOGLE_PROTOS_JAR proto-google-common-protos.jar PATHS /usr/share/java
          DOC "The jar of Debian's libgoogle-common-protos-java" REQUIRED)
set(GOOGLE_PROTOS_DIR ${CMAKE_BINARY_DIR}/google_protos)
# Protobuf's own. protoc looks for them beside itself, and can't tell where that is without /proc, as
# in a bare root.
find_path(PROTOBUF_PROTOS_DIR google/protobuf/any.proto
          DOC "The folder of Protobuf's own protos" REQUIRED)
set(GOOGLE_PROTOS google/rpc/status.proto google/rpc/error_details.proto google/type/money.proto)
set(ERROR_DETAILS ${GOOGLE_PROTOS_DIR}/google/rpc/error_details.proto)
# Once, so that configuring again compiles nothing again.
if(NOT EXISTS ${ERROR_DETAILS})
  file(MAKE_DIRECTORY ${GOOGLE_PROTOS_DIR})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E tar xf ${GOOGLE_PROTOS_JAR} -- ${GOOGLE_PROTOS}
    WORKING_DIRECTORY ${GOOGLE_PROTOS_DIR}
    COMMAND_ERROR_IS_FATAL ANY)
  # The jar of Debian 12 is a few months older than ErrorInfo, which is the same in every later
  # version of the file. No proto of ours imports this file, so no client ever compiles this one.
  file(READ ${ERROR_DETAILS} text)
  if(NOT text MATCHES "message ErrorInfo")
    file(APPEND ${ERROR_DETAILS} "
message ErrorInfo {
  string reason = 1;
  string domain = 2;
  map<string, string> metadata = 3;
}
")
  endif()
endif()
