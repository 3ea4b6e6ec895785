-- oldest-code: 28
--
-- What an account's usages add up to, for summaries: by the day of the account's calendar in which
-- they began (known by its begin), user, country and kind, from the first entry up to through_seq.
-- It is added up from the entries behind the lanes; a program from before neither reads nor writes
-- it. kind: 1 calls, 2 texts. unrated: of the usages. calendar_changes: how many changes of the
-- account's calendar the days heed.
CREATE TABLE IF NOT EXISTS usage_sums (
  account_id VARBINARY(64) NOT NULL,
  day_begin DATETIME(6) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  country VARBINARY(12) NOT NULL,
  kind TINYINT NOT NULL,
  usages BIGINT NOT NULL,
  unrated BIGINT NOT NULL,
  duration_micros BIGINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  paid_seconds BIGINT NOT NULL,
  segments BIGINT NOT NULL,
  cost_nanos DECIMAL(38,0) NOT NULL,
  PRIMARY KEY (account_id, day_begin, user_id, country, kind)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS usage_sums_through (
  account_id VARBINARY(64) NOT NULL,
  through_seq BIGINT NOT NULL,
  calendar_changes INT NOT NULL,
  PRIMARY KEY (account_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
