-- oldest-code: 28
--
-- Plans with a life (K4): a plan has versions on a timeline, as decks have. A row of `plans` is the
-- first version of its plan, and holds for all time before the next. Users are on a plan from a time
-- on, are blocked and removed, and users and accounts have names for people. A program from before
-- heeds none of that: what it would read wrongly is written only from feature level 4 on.
--
-- plan_versions.stage: 1 prepared, 2 counts, 3 missed; 4: no version, but the plan's retirement.
-- from_time: NULL of a plan's first version. default_reserve_amounts, monthly_prices:
-- "<currency>:<nanos>" each, with spaces between.
-- users.plan_id: the plan put last. users.earlier_plans: those before it, oldest first:
-- "<micros since the epoch of its end>:<plan id>" each, with spaces between.
CREATE TABLE IF NOT EXISTS plan_versions (
  number BIGINT NOT NULL,
  plan_id VARBINARY(64) NOT NULL,
  version BIGINT NOT NULL,
  from_time DATETIME(6) NULL,
  write_time DATETIME(6) NOT NULL,
  stage TINYINT NOT NULL,
  standard_calls TINYINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  allowance_reset TINYINT NOT NULL,
  default_reserve_amount_nanos BIGINT NOT NULL,
  longest_call_seconds BIGINT NOT NULL,
  series VARBINARY(64) NOT NULL,
  default_reserve_amounts VARBINARY(1024) NOT NULL,
  monthly_prices VARBINARY(1024) NOT NULL,
  display_name VARCHAR(128) NOT NULL,
  request_id VARBINARY(64) NULL,
  digest VARBINARY(64) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  actor VARCHAR(128) NOT NULL,
  reference VARCHAR(128) NOT NULL,
  PRIMARY KEY (number),
  UNIQUE KEY by_request_id (request_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'users'
  AND column_name = 'earlier_plans') = 0,
  'ALTER TABLE users
  ADD COLUMN earlier_plans VARBINARY(8000) NOT NULL DEFAULT '''',
  ADD COLUMN display_name VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  DEFAULT '''',
  ADD COLUMN remove_time DATETIME(6) NULL,
  ADD COLUMN block_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts'
  AND column_name = 'display_name') = 0,
  'ALTER TABLE accounts
  ADD COLUMN display_name VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
