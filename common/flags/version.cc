#include "common/flags/version.h"

namespace reserve {

const char* Version() { return RESERVE_VERSION; }
const char* Build() { return RESERVE_BUILD; }

}  // namespace reserve
