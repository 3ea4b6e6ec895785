-- oldest-code: 1
--
-- In which form an entry's hash is made (domain::ChainForm); NULL where a program from before made
-- it, by the first. Room for a number's digest in the place of the number.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'chain_form') = 0,
  'ALTER TABLE entries ADD COLUMN chain_form TINYINT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
ALTER TABLE entries MODIFY COLUMN destination VARBINARY(64) NULL;

-- The key under which a user's numbers of a year stand in the chain. The year is that of the usage's
-- start, in UTC. Whoever is to be forgotten loses the key; the chain stays whole.
CREATE TABLE IF NOT EXISTS number_keys (
  account_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  year INT NOT NULL,
  number_key BINARY(32) NOT NULL,
  PRIMARY KEY (account_id, user_id, year)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
