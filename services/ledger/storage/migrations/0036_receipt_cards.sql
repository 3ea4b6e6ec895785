-- oldest-code: 28
--
-- What people know a card by, with the recharge that charged it, so that the receipt of what is given
-- back names it also when the account has another card by then. And since when entries of money that
-- comes, or goes back, must have their receipts (by record time): NULL is not known, or not yet. A
-- program from before leaves both alone.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges'
  AND column_name = 'card_brand') = 0,
  'ALTER TABLE recharges
  ADD COLUMN card_brand VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  DEFAULT '''',
  ADD COLUMN card_last_four VARBINARY(4) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'feature_level'
  AND column_name = 'receipts_from') = 0,
  'ALTER TABLE feature_level ADD COLUMN receipts_from DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

UPDATE feature_level SET receipts_from = raise_time + INTERVAL 1 DAY
WHERE level >= 3 AND receipts_from IS NULL AND EXISTS (SELECT 1 FROM accounts);
