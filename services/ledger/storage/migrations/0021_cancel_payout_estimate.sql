-- oldest-code: 19
--
-- Who canceled a rerating, and why; what of that which closing owes was paid out, and which accounts
-- owe something still; and, of a CDR that took the place of an estimate, the entry that gave that
-- back. A program from before writes none of it, and reads its own columns.
--
-- reratings.state: 3 canceled. payout_owed: 1 while a person has still to pay something out.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'reratings'
  AND column_name = 'cancel_reason') = 0,
  'ALTER TABLE reratings
  ADD COLUMN cancel_reason VARCHAR(255) NOT NULL DEFAULT '''',
  ADD COLUMN cancel_actor VARCHAR(128) NOT NULL DEFAULT '''',
  ADD COLUMN cancel_reference VARCHAR(128) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts'
  AND column_name = 'payout_owed') = 0,
  'ALTER TABLE accounts
  ADD COLUMN closing_paid_out_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN payout_owed TINYINT NOT NULL DEFAULT 0,
  ADD KEY by_payout_owed (payout_owed, account_id)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
UPDATE accounts SET payout_owed = 1 WHERE closing_owed_nanos > closing_paid_out_nanos;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'usage_states'
  AND column_name = 'estimate_void_seq') = 0,
  'ALTER TABLE usage_states ADD COLUMN estimate_void_seq BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
