#include "services/ledger/rates/number_lengths.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"

namespace reserve::rates {
namespace {

struct Length {
  size_t digits;
  absl::string_view calling_codes;
};
// Of the numbering plans that countries notify to the ITU (ITU-T E.129), as collected in
// libphonenumber's metadata (Apache-2.0), release 9.0.43 of November 2026.
constexpr Length kLengths[] = {
    {5, "290 500 682 "},
    {6, "247 298 299 672 687 "},
    {7, "220 238 239 246 248 269 291 297 592 597 673 674 676 677 678 680 683 688 690 691 692 "},
    {8,
     "216 222 223 226 227 228 232 235 236 241 253 257 266 350 356 357 370 371 373 374 386 "
     "389 45 47 505 509 599 670 675 686 800 808 853 961 965 973 975 993 "},
    {9,
     "211 212 213 218 221 224 231 233 237 240 242 244 245 249 250 251 252 255 256 258 260 "
     "261 262 264 265 268 32 33 34 351 354 355 36 376 377 382 385 387 40 421 423 508 51 "
     "590 591 594 596 681 689 93 94 962 963 967 968 979 992 994 995 998 "},
    {10,
     "1 20 225 229 230 243 254 263 267 27 353 372 378 380 44 48 506 52 53 58 60 64 685 84 "
     "850 855 856 880 881 95 960 964 966 970 976 98 996 "},
    {11, "31 352 375 501 502 503 504 507 54 55 56 57 593 595 65 679 852 886 888 974 977 "},
    {12, "30 358 359 381 383 39 41 420 46 61 86 870 878 882 883 92 971 972 "},
    {13, "43 598 63 66 90 91 "},
    {14, "234 7 82 "},
    {15, "49 "},
    {17, "62 81 "},
};

}  // namespace

size_t MostNationalDigits(absl::string_view calling_code) {
  static const auto* const digits = [] {
    auto* map = new absl::flat_hash_map<absl::string_view, size_t>;
    for (const Length& each : kLengths) {
      for (const absl::string_view code :
           absl::StrSplit(each.calling_codes, ' ', absl::SkipEmpty())) {
        map->emplace(code, each.digits);
      }
    }
    return map;
  }();
  const auto found = digits->find(calling_code);
  return found == digits->end() ? 0 : found->second;
}

}  // namespace reserve::rates
