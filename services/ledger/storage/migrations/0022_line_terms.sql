-- oldest-code: 22
--
-- Prices as the trade writes them: several lines of one prefix, and what a line says beyond a price, a
-- fee and increments. What lines share of it is stored once (`rate_shapes`); a row of `rates` with
-- shape 0 is from before, and has its prices in itself. A usage whose line is not plain keeps how it
-- was priced (`priced_terms`). A program from before would misread both, and miss a field of the
-- chain: it must not run on this schema.
--
-- rate_decks.clock_changes: the zone's clock as it was known at the import.
-- rounding: 1 half up, 2 up, 3 half even.
-- standard_by_price_alone: 1 of decks from before, whose standard rates were fixed without a look at
-- fees.
CREATE TABLE IF NOT EXISTS rate_shapes (
  deck_version BIGINT NOT NULL,
  shape INT NOT NULL,
  price_nanos BIGINT NOT NULL,
  connect_fee_nanos BIGINT NOT NULL,
  initial_increment_seconds INT NOT NULL,
  increment_seconds INT NOT NULL,
  country VARBINARY(12) NOT NULL,
  terms BLOB NOT NULL,
  PRIMARY KEY (deck_version, shape)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'rates' AND column_name = 'shape') = 0,
  'ALTER TABLE rates
  ADD COLUMN line INT NOT NULL DEFAULT 0,
  ADD COLUMN shape INT NOT NULL DEFAULT 0,
  MODIFY COLUMN price_nanos BIGINT NULL,
  MODIFY COLUMN connect_fee_nanos BIGINT NULL,
  MODIFY COLUMN initial_increment_seconds INT NULL,
  MODIFY COLUMN increment_seconds INT NULL,
  MODIFY COLUMN country VARBINARY(12) NULL,
  DROP PRIMARY KEY,
  ADD PRIMARY KEY (deck_version, kind, prefix, carrier, line)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'rate_decks'
  AND column_name = 'time_zone') = 0,
  'ALTER TABLE rate_decks
  ADD COLUMN time_zone VARBINARY(64) NOT NULL DEFAULT ''UTC'',
  ADD COLUMN clock_changes BLOB NULL,
  ADD COLUMN holidays BLOB NULL,
  ADD COLUMN periods_by_start TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN rounding TINYINT NOT NULL DEFAULT 1,
  ADD COLUMN rounding_decimals TINYINT NOT NULL DEFAULT 9,
  ADD COLUMN prices_include_tax TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN standard_by_price_alone TINYINT NOT NULL DEFAULT 1', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries'
  AND column_name = 'priced_terms') = 0,
  'ALTER TABLE entries ADD COLUMN priced_terms BLOB NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
