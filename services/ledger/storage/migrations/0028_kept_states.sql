-- oldest-code: 28
--
-- Since when an account's cards are tried no more on a day, as they were declined as often as is
-- allowed (G9), the last recharge when the newest reason of a suspension came (G12), and the money
-- that came after an account was closed, until a person has looked (P4). A program from before would
-- not write them: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts'
  AND column_name = 'decline_limit_time') = 0,
  'ALTER TABLE accounts
  ADD COLUMN decline_limit_time DATETIME(6) NULL,
  ADD COLUMN suspension_ordinal BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN closing_late_time DATETIME(6) NULL,
  ADD COLUMN closing_late_nanos BIGINT NOT NULL DEFAULT 0,
  ADD KEY by_closing_late_time (closing_late_time, account_id)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
