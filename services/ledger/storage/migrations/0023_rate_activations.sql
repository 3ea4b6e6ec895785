-- oldest-code: 23
--
-- Decks with a life (K1, K2): a deck is imported as a draft, and the timeline of its currency and
-- series, made of activations, says which deck is in force from when. A plan names its series. A
-- program from before goes by `effective_time` of each deck: it must not run on this schema.
--
-- rate_decks.effective_time: for when the import was meant; it decides nothing any more.
-- rate_activations.stage: 1 prepared, 2 counts, 3 missed; 4: no activation, but the deck's retirement.
CREATE TABLE IF NOT EXISTS rate_activations (
  number BIGINT NOT NULL,
  deck_version BIGINT NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  series VARBINARY(64) NOT NULL,
  from_time DATETIME(6) NOT NULL,
  backdated TINYINT NOT NULL,
  write_time DATETIME(6) NOT NULL,
  stage TINYINT NOT NULL,
  request_id VARBINARY(64) NULL,
  digest VARBINARY(64) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  actor VARCHAR(128) NOT NULL,
  reference VARCHAR(128) NOT NULL,
  PRIMARY KEY (number),
  UNIQUE KEY by_request_id (request_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'rate_decks' AND column_name = 'series') = 0,
  'ALTER TABLE rate_decks
  ADD COLUMN series VARBINARY(64) NOT NULL DEFAULT ''standard''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'plans' AND column_name = 'series') = 0,
  'ALTER TABLE plans
  ADD COLUMN series VARBINARY(64) NOT NULL DEFAULT ''standard''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- Decks of before are in force as they were.
INSERT INTO rate_activations (number, deck_version, currency, series, from_time, backdated,
  write_time, stage, request_id, digest, reason, actor, reference)
SELECT d.version, d.version, d.currency, d.series, d.effective_time, 1, d.import_time, 2, NULL, '',
  '', '', ''
FROM rate_decks d WHERE NOT EXISTS (SELECT 1 FROM rate_activations);
