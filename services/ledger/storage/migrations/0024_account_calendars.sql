-- oldest-code: 24
--
-- The billing day of an account, and the changes of its time zone and billing day, oldest first:
-- "<micros since the epoch>:<last seq before>:<billing day>:<zone>" each, with spaces between.
-- time_zone and billing_day stay what they were when it was opened. A program from before would go
-- on by those: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts'
  AND column_name = 'calendar_changes') = 0,
  'ALTER TABLE accounts
  ADD COLUMN billing_day TINYINT NOT NULL DEFAULT 1,
  ADD COLUMN calendar_changes VARBINARY(16000) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
