-- oldest-code: 19
--
-- Calls in progress: what is held for them, in money with the balance and in free seconds with the
-- allowances; the holds that live, each in a place of its account's that is used again and again, so
-- that the table is as long as there were ever calls at a time; and how holds ended, by the month in
-- which they were made, of which old ones are dropped. A program from before would promise what is
-- held, and miss a field of the chain: it must not run on this schema.
--
-- state: 0 of a place that is free, 1 open, 2 unsettled; 3 expired, 4 released, 5 settled,
-- 6 estimated. expire_time: when somebody is to look at it.
CREATE TABLE IF NOT EXISTS holds (
  account_id VARBINARY(64) NOT NULL,
  slot INT NOT NULL,
  hold_id VARBINARY(64) NOT NULL,
  usage_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  direction TINYINT NOT NULL,
  destination VARBINARY(64) NOT NULL,
  switch_id VARBINARY(64) NOT NULL,
  incarnation BIGINT NOT NULL,
  state TINYINT NOT NULL,
  price_time DATETIME(6) NULL,
  plan_id VARBINARY(64) NOT NULL,
  deck_version BIGINT NOT NULL,
  answer_time DATETIME(6) NULL,
  slice_seconds BIGINT NOT NULL,
  extension INT NOT NULL,
  used_micros BIGINT NOT NULL,
  granted_seconds BIGINT NOT NULL,
  final_reason TINYINT NOT NULL,
  held_nanos BIGINT NOT NULL,
  accrued_nanos BIGINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  accrued_free_seconds BIGINT NOT NULL,
  free_period INT NOT NULL,
  expire_time DATETIME(6) NULL,
  create_time DATETIME(6) NULL,
  end_time DATETIME(6) NULL,
  PRIMARY KEY (account_id, slot),
  KEY by_expire_time (expire_time)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ended_holds (
  account_id VARBINARY(64) NOT NULL,
  hold_id VARBINARY(64) NOT NULL,
  month INT NOT NULL,
  usage_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  direction TINYINT NOT NULL,
  destination VARBINARY(64) NOT NULL,
  switch_id VARBINARY(64) NOT NULL,
  incarnation BIGINT NOT NULL,
  state TINYINT NOT NULL,
  price_time DATETIME(6) NULL,
  plan_id VARBINARY(64) NOT NULL,
  deck_version BIGINT NOT NULL,
  answer_time DATETIME(6) NULL,
  slice_seconds BIGINT NOT NULL,
  extension INT NOT NULL,
  used_micros BIGINT NOT NULL,
  granted_seconds BIGINT NOT NULL,
  final_reason TINYINT NOT NULL,
  held_nanos BIGINT NOT NULL,
  accrued_nanos BIGINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  accrued_free_seconds BIGINT NOT NULL,
  free_period INT NOT NULL,
  expire_time DATETIME(6) NULL,
  create_time DATETIME(6) NULL,
  end_time DATETIME(6) NULL,
  PRIMARY KEY (account_id, hold_id, month)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE (month) (PARTITION later VALUES LESS THAN MAXVALUE);

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'balances' AND column_name = 'held_nanos') = 0,
  'ALTER TABLE balances
  ADD COLUMN held_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN accrued_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN holds BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'allowances' AND column_name = 'seconds_held') = 0,
  'ALTER TABLE allowances ADD COLUMN seconds_held BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'plans'
  AND column_name = 'longest_call_seconds') = 0,
  'ALTER TABLE plans ADD COLUMN longest_call_seconds BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'hold_id') = 0,
  'ALTER TABLE events ADD COLUMN hold_id VARBINARY(64) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'estimated') = 0,
  'ALTER TABLE entries ADD COLUMN estimated TINYINT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
