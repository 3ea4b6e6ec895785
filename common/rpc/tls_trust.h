// Whether the peers of a TLS identity can be expected to take its certificate.
#ifndef RESERVE_COMMON_RPC_TLS_TRUST_H_
#define RESERVE_COMMON_RPC_TLS_TRUST_H_

#include <string>

namespace reserve {

// Has one of the authorities in `authorities_pem` signed the first certificate in `own_pem`, by the
// chain that follows it, and is it all within its time? Both are PEM that can serve (tls_files.h).
bool IsSignedBy(const std::string& own_pem, const std::string& authorities_pem);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TLS_TRUST_H_
