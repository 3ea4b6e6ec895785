-- oldest-code: 19
--
-- Two indexes that no statement goes by: the refunds of a charge are found by its id, and so are its
-- disputes. Each cost a leaf a row written. A program from before runs as well without them.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND index_name = 'by_refund_of') > 0,
  'ALTER TABLE recharges DROP KEY by_refund_of', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'disputes' AND index_name = 'by_ordinal') > 0,
  'ALTER TABLE disputes DROP KEY by_ordinal', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
