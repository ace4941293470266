BEGIN TRANSACTION;
CREATE TABLE invoiced_accounts (
	account TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	salt TEXT NOT NULL, 
	PRIMARY KEY (account, fingerprint)
);
INSERT INTO "invoiced_accounts" VALUES('2248774d4eb74e69b32061e8a1c3233c','b1a1fd7b7e44c5d6b10b4bf6120c50d8','http://127.0.0.1:33807','22fc014279014025960d7bbb3eb36bf4');
CREATE TABLE invoiced_answers (
	number INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	answer BLOB NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE invoiced_journal (
	account TEXT NOT NULL, 
	ordinal BIGINT NOT NULL, 
	segment BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	stage TEXT NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	announced_at INTEGER NOT NULL, 
	made TEXT, 
	PRIMARY KEY (account, ordinal)
);
INSERT INTO "invoiced_journal" VALUES('2248774d4eb74e69b32061e8a1c3233c',1,1,X'CEEC6FCF4867C922D94AE7EB108BD40C','settled','c1f309c0a3a643d2a837c2c3afa41074',1795675710,'/payments/1');
INSERT INTO "invoiced_journal" VALUES('2248774d4eb74e69b32061e8a1c3233c',2,1,X'B5CC0A46D6ADFD5F1A9FBB2A355A0A6B','settled','4c35a823218749abb9436af3e5dea453',1795675710,'/payments/2');
INSERT INTO "invoiced_journal" VALUES('2248774d4eb74e69b32061e8a1c3233c',3,2,X'3991A7C35D160A3BF501ACAB59FC274F','settled','980f655ef7dc4b0cb24d876bf160acf7',1795675711,'/payments/3');
INSERT INTO "invoiced_journal" VALUES('2248774d4eb74e69b32061e8a1c3233c',4,2,X'9F864A6F31B52F754368DFB06C21888E','announced','77c650dfebef4e5fad2f7c6b3940fe59',1795675711,NULL);
CREATE TABLE invoiced_objects (
	account TEXT NOT NULL, 
	resource TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	id TEXT, 
	gone BOOLEAN NOT NULL, 
	digest BLOB, 
	generation INTEGER NOT NULL, 
	idempotency_key TEXT, 
	announced_at INTEGER, 
	version BIGINT, 
	PRIMARY KEY (account, resource, "key")
);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','customers','1','customers','1',0,X'DB9D221CE8CF94D3DF390FB92ED968E7',0,NULL,NULL,NULL);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','customers','two','customers','2',0,X'BFE90521579049F051E7787350115C0A',0,NULL,NULL,NULL);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','contacts','["north","7"]','branches','1',0,X'14E8CAF4BB37977ACB53677E6E14FB4C',0,NULL,NULL,NULL);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','invoices','70','invoices','1',0,X'0541302279EF94992C014F7031505995',0,NULL,NULL,NULL);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','invoices','79','invoices',NULL,0,NULL,1,NULL,NULL,NULL);
INSERT INTO "invoiced_objects" VALUES('2248774d4eb74e69b32061e8a1c3233c','payments','m1','payments',NULL,0,NULL,0,'f0f3f19fa528bd6846d78ade268ab9d762a6a2c74768c54d',1795675711,NULL);
CREATE TABLE invoiced_parked (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account TEXT NOT NULL, 
	resource TEXT NOT NULL, 
	"key" TEXT, 
	missing TEXT NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	announced_at INTEGER, 
	line BIGINT NOT NULL, 
	stream TEXT NOT NULL, 
	record BLOB NOT NULL, 
	schema BLOB NOT NULL, 
	told BOOLEAN NOT NULL
);
INSERT INTO "invoiced_parked" VALUES(1,'2248774d4eb74e69b32061e8a1c3233c','invoices','79','["customers","9"]','17ffa049af924dfeb38aa7050339c135',NULL,8,'invoices',X'7B226964223A37392C22637573746F6D6572223A392C226974656D73223A5B7B227175616E74697479223A312C22756E69745F636F7374223A35307D5D7D',X'E7805DF6A1F337AD547808B195F08B08',1);
CREATE TABLE invoiced_parked_schemas (
	digest BLOB NOT NULL, 
	schema BLOB NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "invoiced_parked_schemas" VALUES(X'E7805DF6A1F337AD547808B195F08B08',X'5B7B7D2C5B226964225D5D');
CREATE TABLE invoiced_states (
	account TEXT NOT NULL, 
	segment BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	PRIMARY KEY (account, segment)
);
INSERT INTO "invoiced_states" VALUES('2248774d4eb74e69b32061e8a1c3233c',1,X'385A4E6CD6893EAE71B0B87BE64CF0BC');
CREATE INDEX invoiced_objects_by_id ON invoiced_objects (account, resource, id);
CREATE INDEX invoiced_parked_by_missing ON invoiced_parked (account, missing);
CREATE INDEX invoiced_parked_by_key ON invoiced_parked (account, resource, "key");
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('invoiced_parked',1);
COMMIT;
