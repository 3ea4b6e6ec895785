-- oldest-code: 28
--
-- Old months leave the hot tables as files (docs/decisions/0050-archives.md). A program from before
-- would miss what left, so nothing leaves before feature level 5.
--
-- archives: each covers the months up to its own, from the one after the archive before it on.
-- stage: 1 sealed, nothing is booked into its months any more; 2 its files are written; 3 its
-- entries are gone from the table of entries. The digests are SHA-256, in hexadecimal digits.
CREATE TABLE IF NOT EXISTS archives (
  month INT NOT NULL,
  stage TINYINT NOT NULL,
  seal_time DATETIME(6) NOT NULL,
  write_time DATETIME(6) NULL,
  drop_time DATETIME(6) NULL,
  entries BIGINT NOT NULL DEFAULT 0,
  entries_bytes BIGINT NOT NULL DEFAULT 0,
  entries_sha256 VARBINARY(64) NOT NULL DEFAULT '',
  numbers BIGINT NOT NULL DEFAULT 0,
  numbers_bytes BIGINT NOT NULL DEFAULT 0,
  numbers_sha256 VARBINARY(64) NOT NULL DEFAULT '',
  PRIMARY KEY (month)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Where an account stood after the last entry of those that the archives cover from its first on.
-- Every entry up to it was booked before border_time. grants: as CHAIN and audits know them,
-- "<number>:<seq>:<nanos left>:<micros since the epoch of its end>" each, with spaces between.
CREATE TABLE IF NOT EXISTS archived_heads (
  account_id VARBINARY(64) NOT NULL,
  month INT NOT NULL,
  seq BIGINT NOT NULL,
  balance_nanos BIGINT NOT NULL,
  entry_hash BINARY(32) NOT NULL,
  border_time DATETIME(6) NOT NULL,
  grants MEDIUMBLOB NOT NULL,
  PRIMARY KEY (account_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each user had used of an allowance then.
CREATE TABLE IF NOT EXISTS archived_allowances (
  account_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  period INT NOT NULL,
  seconds_used BIGINT NOT NULL,
  PRIMARY KEY (account_id, user_id, period)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Entries of archived months that stay: those after the account's head, and, of those up to it, all
-- that are of money, and usages that a later entry still names. previous_hash: of the entry before,
-- of those up to the head. The other columns are those of entries.
CREATE TABLE IF NOT EXISTS kept_entries (
  account_id VARBINARY(64) NOT NULL,
  seq BIGINT NOT NULL,
  record_time DATETIME(6) NOT NULL,
  month INT NOT NULL,
  kind TINYINT NOT NULL,
  amount_nanos BIGINT NOT NULL,
  balance_after_nanos BIGINT NOT NULL,
  chain_form TINYINT NULL,
  entry_hash BINARY(32) NOT NULL,
  usage_id VARBINARY(64) NULL,
  user_id VARBINARY(64) NULL,
  usage_kind TINYINT NULL,
  direction TINYINT NULL,
  destination VARBINARY(64) NULL,
  carrier VARBINARY(32) NULL,
  start_time DATETIME(6) NULL,
  duration_seconds INT NULL,
  duration_micros BIGINT NULL,
  segments SMALLINT NULL,
  basis TINYINT NULL,
  plan_id VARBINARY(64) NULL,
  deck_version BIGINT NULL,
  prefix VARBINARY(16) NULL,
  price_nanos BIGINT NULL,
  connect_fee_nanos BIGINT NULL,
  initial_increment_seconds INT NULL,
  increment_seconds INT NULL,
  free_seconds_before INT NULL,
  free_seconds_taken INT NULL,
  standard_rate TINYINT NULL,
  country VARBINARY(12) NULL,
  free_period INT NULL,
  unrated_reason TINYINT NULL,
  corrects_usage_id VARBINARY(64) NULL,
  previous_cost_nanos BIGINT NULL,
  previous_free_seconds BIGINT NULL,
  previous_free_period INT NULL,
  grant_draws VARBINARY(800) NULL,
  estimated TINYINT NULL,
  priced_terms BLOB NULL,
  grant_number INT NULL,
  grant_end DATETIME(6) NULL,
  grants_returned VARBINARY(800) NULL,
  recharge_ordinal BIGINT NULL,
  request_id VARBINARY(64) NULL,
  voided_usage_id VARBINARY(64) NULL,
  free_seconds_back BIGINT NULL,
  free_period_back INT NULL,
  voided_in_advance TINYINT NULL,
  reason VARCHAR(255) NULL,
  caller VARBINARY(128) NULL,
  previous_hash BINARY(32) NULL,
  PRIMARY KEY (account_id, seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
