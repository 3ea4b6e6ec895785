-- oldest-code: 24
--
-- What usage went where lately, for whoever compares price lists: by the day of its start (UTC,
-- 20261123), the deck and the line's prefix that priced it, and the carrier of a text. It is added
-- up from the entries behind the lanes; a program from before neither reads nor writes it. Days of
-- long ago are dropped by months.
--
-- kind: as in `rates`. plain: 1 if the line had one price and no other terms. billed: usages with
-- anything to be billed. seconds: as long as calls were, each with the second that it had begun;
-- units: their billed seconds, or the segments of texts. list_cost_nanos: without allowances.
CREATE TABLE IF NOT EXISTS usage_by_prefix (
  day INT NOT NULL,
  deck_version BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  prefix VARBINARY(16) NOT NULL,
  carrier VARBINARY(32) NOT NULL,
  initial_increment_seconds INT NOT NULL,
  increment_seconds INT NOT NULL,
  plain TINYINT NOT NULL,
  month INT NOT NULL,
  usages BIGINT NOT NULL,
  billed BIGINT NOT NULL,
  seconds BIGINT NOT NULL,
  units BIGINT NOT NULL,
  list_cost_nanos DECIMAL(38,0) NOT NULL,
  PRIMARY KEY (day, deck_version, kind, prefix, carrier, initial_increment_seconds,
    increment_seconds, plain, month)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE (month) (PARTITION later VALUES LESS THAN MAXVALUE);

-- One row: entries of record_time from begin_time up to before through_time are in it, each once.
-- ledger_id: who moved it last, and when.
CREATE TABLE IF NOT EXISTS usage_count (
  id TINYINT NOT NULL,
  begin_time DATETIME(6) NOT NULL,
  through_time DATETIME(6) NOT NULL,
  ledger_id VARBINARY(64) NOT NULL,
  move_time DATETIME(6) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO usage_count (id,begin_time,through_time,ledger_id,move_time)
VALUES (1, UTC_TIMESTAMP(6) - INTERVAL 8 DAY, UTC_TIMESTAMP(6) - INTERVAL 8 DAY, '',
  UTC_TIMESTAMP(6) - INTERVAL 8 DAY)
ON DUPLICATE KEY UPDATE begin_time = usage_count.begin_time;
