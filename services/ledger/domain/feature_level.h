// What may be written: the schema's feature level. New meaning (an entry kind, a column that every
// write must keep, a field of the chain) is written only from its level on, so that before the
// level is raised the program of before still understands whatever there is. A database's level is
// a row of it, raised by `ledger migrate --finish`; a new database begins at the newest.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_FEATURE_LEVEL_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_FEATURE_LEVEL_H_

namespace reserve::domain {

// What was there before there were levels.
inline constexpr int kFirstFeatureLevel = 1;
// Entries are chained by the tagged form (book/entry_chain.h), and numbers have keys.
inline constexpr int kTaggedChainLevel = 2;
// Entries of money that comes, or goes back, have receipts (receipt.h).
inline constexpr int kReceiptsLevel = 3;
// Plans have versions, users change plans at a time to come, and are removed and blocked (K4).
inline constexpr int kPlansLevel = 4;
// Months leave the table of entries (storage/archive_rows.h).
inline constexpr int kArchivesLevel = 5;
// Limits against fraud count, refuse, and suspend automatic recharging (L1 to L5).
inline constexpr int kLimitsLevel = 6;

// The history by start goes by parts of months alone (storage/start_parts.h).
inline constexpr int kStartPartsLevel = 7;

inline constexpr int kNewestFeatureLevel = kStartPartsLevel;

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_FEATURE_LEVEL_H_
