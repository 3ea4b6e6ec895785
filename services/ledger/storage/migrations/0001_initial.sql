-- oldest-code: 1
--
-- The first schema. Each statement of a migration may be run twice, as a crash
-- can come between a statement and the note that it is done. Amounts are nano-units (1e-9) of the account's currency;
-- times are UTC and supplied by the program; ids are compared byte by byte.
-- Every primary and unique key of an account's rows contains account_id, and
-- nothing relies on more than the atomicity of one account's rows.

-- What is set on an account and seldom changes; what every usage changes is in
-- balances.
CREATE TABLE IF NOT EXISTS accounts (
  account_id VARBINARY(64) NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  default_plan_id VARBINARY(64) NOT NULL DEFAULT '',
  state TINYINT NOT NULL DEFAULT 0,
  reserve_amount_nanos BIGINT NOT NULL DEFAULT 0,
  recharge_threshold_nanos BIGINT NOT NULL DEFAULT 0,
  last_event_seq BIGINT NOT NULL DEFAULT 0,
  last_ordinal BIGINT NOT NULL DEFAULT 0,
  open_ordinal BIGINT NOT NULL DEFAULT 0,
  card_state TINYINT NOT NULL DEFAULT 0,
  card_token VARBINARY(255) NOT NULL DEFAULT '',
  card_fingerprint VARBINARY(64) NOT NULL DEFAULT '',
  cap_day INT NOT NULL DEFAULT 0,
  cap_count INT NOT NULL DEFAULT 0,
  cap_amount_nanos BIGINT NOT NULL DEFAULT 0,
  block_reason VARCHAR(255) NOT NULL DEFAULT '',
  block_time DATETIME(6) NULL,
  recheck_time DATETIME(6) NULL,
  create_time DATETIME(6) NULL,
  opening_digest VARBINARY(64) NOT NULL DEFAULT '',
  PRIMARY KEY (account_id),
  KEY by_recheck_time (recheck_time)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The row of an account that each of its commands writes: narrow, as every usage
-- pays for its width. `revision` grows with each write of the row. `version` grows with each change of the
-- account's row in accounts or of its rows in users, so that a program that kept
-- those from before knows whether they still hold. head_hash is the entry_hash of
-- the last entry.
CREATE TABLE IF NOT EXISTS balances (
  account_id VARBINARY(64) NOT NULL,
  balance_nanos BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  version BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  head_hash BINARY(32) NOT NULL,
  PRIMARY KEY (account_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS users (
  account_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  plan_id VARBINARY(64) NOT NULL,
  free_seconds_used BIGINT NOT NULL,
  free_period INT NOT NULL,
  create_time DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Appended in time order; every other index is local to the month of the usage,
-- so that the pages being written stay few however long the history grows. The
-- columns from usage_id on belong to usages, the last three to other entries.
CREATE TABLE IF NOT EXISTS entries (
  record_time DATETIME(6) NOT NULL,
  account_id VARBINARY(64) NOT NULL,
  seq BIGINT NOT NULL,
  month INT NOT NULL,
  kind TINYINT NOT NULL,
  amount_nanos BIGINT NOT NULL,
  balance_after_nanos BIGINT NOT NULL,
  entry_hash BINARY(32) NOT NULL,
  usage_id VARBINARY(64) NULL,
  user_id VARBINARY(64) NULL,
  usage_kind TINYINT NULL,
  direction TINYINT NULL,
  destination VARBINARY(16) NULL,
  carrier VARBINARY(32) NULL,
  start_time DATETIME(6) NULL,
  duration_seconds INT NULL,
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
  recharge_ordinal BIGINT NULL,
  request_id VARBINARY(64) NULL,
  reason VARCHAR(255) NULL,
  PRIMARY KEY (record_time, account_id, seq, month),
  KEY by_account (account_id, seq, month)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE (month) (PARTITION later VALUES LESS THAN MAXVALUE);

-- What makes a usage_id unique in its account for ever, across the months, and
-- where its entry is. Ids that grow with time are appended here.
CREATE TABLE IF NOT EXISTS usage_ids (
  usage_id VARBINARY(64) NOT NULL,
  account_id VARBINARY(64) NOT NULL,
  seq BIGINT NOT NULL,
  month INT NOT NULL,
  PRIMARY KEY (usage_id, account_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Requests that book something once under the caller's request_id.
CREATE TABLE IF NOT EXISTS requests (
  account_id VARBINARY(64) NOT NULL,
  request_id VARBINARY(64) NOT NULL,
  digest VARBINARY(64) NOT NULL,
  seq BIGINT NOT NULL,
  month INT NOT NULL,
  ordinal BIGINT NOT NULL,
  PRIMARY KEY (account_id, request_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS events (
  account_id VARBINARY(64) NOT NULL,
  event_seq BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  cause VARCHAR(512) NOT NULL,
  event_time DATETIME(6) NOT NULL,
  state TINYINT NOT NULL,
  balance_nanos BIGINT NOT NULL,
  recharge_ordinal BIGINT NOT NULL,
  PRIMARY KEY (account_id, event_seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS recharges (
  account_id VARBINARY(64) NOT NULL,
  ordinal BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  state TINYINT NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount_nanos BIGINT NOT NULL,
  card_token VARBINARY(255) NOT NULL,
  card_fingerprint VARBINARY(64) NOT NULL,
  attempt INT NOT NULL,
  attempt_start DATETIME(6) NULL,
  due_time DATETIME(6) NULL,
  lease_owner VARBINARY(64) NOT NULL,
  lease_epoch BIGINT NOT NULL,
  soft_declines INT NOT NULL,
  last_decline TINYINT NOT NULL,
  last_decline_code VARBINARY(64) NOT NULL,
  charge_id VARBINARY(64) NOT NULL,
  request_id VARBINARY(64) NOT NULL,
  create_time DATETIME(6) NOT NULL,
  settle_time DATETIME(6) NULL,
  PRIMARY KEY (account_id, ordinal),
  KEY by_due_time (state, due_time)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS rate_decks (
  version BIGINT NOT NULL,
  name VARBINARY(64) NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  effective_time DATETIME(6) NOT NULL,
  standard_rate_ceiling_nanos BIGINT NOT NULL,
  rate_count BIGINT NOT NULL,
  import_time DATETIME(6) NOT NULL,
  content_digest VARBINARY(64) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS rates (
  deck_version BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  prefix VARBINARY(16) NOT NULL,
  carrier VARBINARY(32) NOT NULL,
  destination_name VARCHAR(128) NOT NULL,
  price_nanos BIGINT NOT NULL,
  connect_fee_nanos BIGINT NOT NULL,
  initial_increment_seconds INT NOT NULL,
  increment_seconds INT NOT NULL,
  PRIMARY KEY (deck_version, kind, prefix, carrier)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A new plan is a new row. standard_calls: 1 metered, 2 included; bucket_reset:
-- 1 never, 2 monthly.
CREATE TABLE IF NOT EXISTS plans (
  plan_id VARBINARY(64) NOT NULL,
  standard_calls TINYINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  bucket_reset TINYINT NOT NULL,
  default_reserve_amount_nanos BIGINT NOT NULL,
  PRIMARY KEY (plan_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO plans (plan_id, standard_calls, free_seconds, bucket_reset, default_reserve_amount_nanos)
VALUES ('per_minute', 1, 18000, 1, 0), ('unlimited', 2, 0, 1, 0)
ON DUPLICATE KEY UPDATE standard_calls = standard_calls;
