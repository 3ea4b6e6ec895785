-- oldest-code: 10
--
-- Whether the gateway's id of a refund is what a person said it is, who resolved its review, and
-- not what the gateway told. A program from before takes it for what the gateway told.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'refund_id_typed') = 0,
  'ALTER TABLE recharges ADD COLUMN refund_id_typed TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
