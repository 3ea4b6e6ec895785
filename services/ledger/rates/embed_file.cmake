# cmake -DINPUT=a.csv -DOUTPUT=a.cc -DHEADER=a.h -DNAMESPACE=n -DFUNCTION=F -P embed_file.cmake
#
# Writes a source file whose function returns INPUT's bytes. They are numbers in an
# array, as compilers limit the length of a string literal.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "// Made from ${INPUT}.
#include \"${HEADER}\"

namespace ${NAMESPACE} {
namespace {

constexpr unsigned char kBytes[] = {
${bytes}};

}  // namespace

absl::string_view ${FUNCTION}() {
  return absl::string_view(reinterpret_cast<const char*>(kBytes), sizeof(kBytes));
}

}  // namespace ${NAMESPACE}
")
