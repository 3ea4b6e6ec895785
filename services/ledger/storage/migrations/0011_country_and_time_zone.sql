-- oldest-code: 11
--
-- The country and the time zone of an account. A program from before would count caps by the hours,
-- days and months of UTC: it must not run on this schema. Accounts that are there have no country
-- and go on in UTC.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'time_zone') = 0,
  'ALTER TABLE accounts
  ADD COLUMN country VARBINARY(2) NOT NULL DEFAULT '''',
  ADD COLUMN time_zone VARBINARY(64) NOT NULL DEFAULT ''UTC''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
