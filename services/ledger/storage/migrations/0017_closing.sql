-- oldest-code: 17
--
-- The closing of accounts: how far it is, with the account. A program from before would book on an
-- account that is closed, and charge one that is being closed: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'closing_time') = 0,
  'ALTER TABLE accounts
  ADD COLUMN closing_time DATETIME(6) NULL,
  ADD COLUMN closing_grace_until DATETIME(6) NULL,
  ADD COLUMN closing_facts_end DATETIME(6) NULL,
  ADD COLUMN closing_first_refund BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN closing_refunds INT NOT NULL DEFAULT 0,
  ADD COLUMN closing_owed_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN closing_written_off_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN close_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
