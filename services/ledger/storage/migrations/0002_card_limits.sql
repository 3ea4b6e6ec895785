-- oldest-code: 1
--
-- What the card networks' limits on reattempts need: which network a card is of,
-- and when it was declined.

-- 0 unknown, 1 Visa, 2 Mastercard, 3 another. Neither server has a form of ADD
-- COLUMN that both take and that may be run twice.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'card_network') = 0,
  'ALTER TABLE accounts ADD COLUMN card_network TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'card_network') = 0,
  'ALTER TABLE recharges ADD COLUMN card_network TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- A declined attempt. Of one account, and counted by card over all accounts.
CREATE TABLE IF NOT EXISTS card_declines (
  account_id VARBINARY(64) NOT NULL,
  ordinal BIGINT NOT NULL,
  attempt INT NOT NULL,
  card_fingerprint VARBINARY(64) NOT NULL,
  decline_time DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, ordinal, attempt),
  KEY by_card (card_fingerprint, decline_time)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
