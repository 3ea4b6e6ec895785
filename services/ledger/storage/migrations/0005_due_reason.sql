-- oldest-code: 1
--
-- Why recheck_time is what it is, as domain::DueReason numbers it. A program from before writes a
-- time without a reason, and there was one reason then: 0 beside a time is read as 1, the cap
-- on automatic recharges.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'due_reason') = 0,
  'ALTER TABLE accounts ADD COLUMN due_reason TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
