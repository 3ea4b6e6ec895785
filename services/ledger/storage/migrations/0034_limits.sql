-- oldest-code: 28
--
-- Limits against fraud (L1 to L5): those of an account, a user and a plan's version, what is spent
-- by them, and which are reached. A program from before heeds none of them and keeps all of them;
-- so they count, and are set, from feature level 5 on.
--
-- limits: "<name>=<number>" each, with spaces between: spend_hour, spend_day, spend_month, price and
-- new_price in nano-units, calls, longest_call in seconds; countries=<code>,<code> ...; a plan's
-- version has a line a currency, which is before a tab.
-- limit_alarm: "<reached>:<quiet>:<time>:<quiet until>": bits (1 the hour's, 2 the day's, 4 the
-- month's limit, 8 one of a user), and microseconds since 1970, 0 of none.
-- spent_hour ...: when all that is spent has leaked away at the limit's pace, in microseconds since
-- 1970; users.spent: the three of them with colons between.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'limits') = 0,
  'ALTER TABLE accounts
  ADD COLUMN limits VARBINARY(2000) NOT NULL DEFAULT '''',
  ADD COLUMN limit_alarm VARBINARY(128) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'users' AND column_name = 'limits') = 0,
  'ALTER TABLE users
  ADD COLUMN limits VARBINARY(2000) NOT NULL DEFAULT '''',
  ADD COLUMN limit_alarm VARBINARY(128) NOT NULL DEFAULT '''',
  ADD COLUMN spent VARBINARY(64) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'balances' AND column_name = 'spent_hour') = 0,
  'ALTER TABLE balances
  ADD COLUMN spent_hour BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_day BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN spent_month BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'limit_kind') = 0,
  'ALTER TABLE events
  ADD COLUMN limit_kind TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN limit_level TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN user_id VARBINARY(64) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'plan_versions' AND column_name = 'limits') = 0,
  'ALTER TABLE plan_versions ADD COLUMN limits BLOB NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
