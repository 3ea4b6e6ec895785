// The deleter of what a C library gives, by the function that frees it.
//
//   using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
#ifndef RESERVE_COMMON_DIGEST_FREER_H_
#define RESERVE_COMMON_DIGEST_FREER_H_

namespace reserve {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_FREER_H_
