-- oldest-code: 22
--
-- Finds the charges of which the gateway told before, or without, their being credited (recharges.keeps),
-- which a person must look at. A program from before runs as well with it.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND index_name = 'by_keeps') = 0,
  'ALTER TABLE recharges ADD KEY by_keeps (keeps, account_id, ordinal)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
