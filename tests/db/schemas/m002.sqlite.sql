BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('m002');
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	autov1 TEXT, 
	autov2 TEXT, 
	autov3 TEXT, 
	blake3 TEXT, 
	crc32 TEXT, 
	content TEXT, 
	size BIGINT NOT NULL, 
	format TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	known_as TEXT, 
	notices TEXT NOT NULL, 
	identified_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT uq_artifacts_sha256 UNIQUE (sha256)
);
INSERT INTO "artifacts" VALUES(1,'5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9',NULL,'5feceb66ff','bbbbbbbbbbbb','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','0d4a1185','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',334641164,'safetensors','vae',NULL,'[["extra-fields", "the header has fields of no meaning"]]','2026-11-22T22:37:37Z');
INSERT INTO "artifacts" VALUES(2,'9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4',NULL,NULL,NULL,NULL,NULL,NULL,6938040682,'safetensors','checkpoint',NULL,'[]','2026-11-22T22:37:37Z');
CREATE TABLE components (
	id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	architecture TEXT NOT NULL, 
	layout TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	parts TEXT NOT NULL, 
	dtypes TEXT NOT NULL, 
	tensors BIGINT NOT NULL, 
	parameters BIGINT NOT NULL, 
	notices TEXT NOT NULL, content TEXT, 
	CONSTRAINT pk_components PRIMARY KEY (id), 
	CONSTRAINT uq_components_artifact_id_ordinal UNIQUE (artifact_id, ordinal), 
	CONSTRAINT fk_components_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "components" VALUES(1,1,0,'vae','autoencoder-kl','ldm','first_stage_model.','["encoder", "decoder"]','["float16", "float32"]',248,83653863,'[["metadata", "a note"]]',NULL);
INSERT INTO "components" VALUES(2,2,0,'denoiser','unet-sdxl','ldm','first_stage_model.','[]','["float16", "float32"]',248,83653863,'[]',NULL);
INSERT INTO "components" VALUES(3,2,1,'vae','autoencoder-kl','ldm','first_stage_model.','["encoder", "decoder"]','["float16", "float32"]',248,83653863,'[["metadata", "a note"]]',NULL);
INSERT INTO "components" VALUES(4,2,2,'text_encoder','clip-l','ldm','first_stage_model.','[]','["float16", "float32"]',248,83653863,'[["metadata", "a note"]]',NULL);
CREATE TABLE evidence (
	verdict_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	check_name TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	expected TEXT, 
	found TEXT, 
	message TEXT NOT NULL, 
	CONSTRAINT pk_evidence PRIMARY KEY (verdict_id, ordinal), 
	CONSTRAINT fk_evidence_verdict_id_verdicts FOREIGN KEY(verdict_id) REFERENCES verdicts (id) ON DELETE CASCADE
);
INSERT INTO "evidence" VALUES(1,0,'latent-channels','pass','4','4','Both have 4 channels.');
INSERT INTO "evidence" VALUES(1,1,'latent-family','fail','sdxl',NULL,'The VAE is of another family.');
CREATE TABLE fingerprints (
	component_id INTEGER NOT NULL, 
	channels BIGINT, 
	spatial_factor DOUBLE, 
	temporal_factor BIGINT, 
	family TEXT, 
	candidates TEXT NOT NULL, 
	determined_by TEXT, 
	confidence DOUBLE NOT NULL, 
	scaling_factor DOUBLE, 
	shift_factor DOUBLE, 
	scaling_determined_by TEXT, 
	CONSTRAINT pk_fingerprints PRIMARY KEY (component_id), 
	CONSTRAINT fk_fingerprints_component_id_components FOREIGN KEY(component_id) REFERENCES components (id) ON DELETE CASCADE
);
INSERT INTO "fingerprints" VALUES(1,4,8.0,1,'sdxl','["sdxl"]','weights',0.98,0.13025,0.0,'family');
INSERT INTO "fingerprints" VALUES(2,4,8.0,1,'sdxl','["sdxl"]','weights',0.98,0.13025,0.0,'family');
INSERT INTO "fingerprints" VALUES(3,4,8.0,1,'sdxl','["sdxl"]','weights',0.98,0.13025,0.0,'family');
CREATE TABLE locations (
	id INTEGER NOT NULL, 
	machine VARCHAR(64) NOT NULL, 
	path_key VARCHAR(64) NOT NULL, 
	path BLOB NOT NULL, 
	shown TEXT NOT NULL, 
	seen_at VARCHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns VARCHAR(40) NOT NULL, 
	ctime_ns VARCHAR(40) NOT NULL, 
	device VARCHAR(40) NOT NULL, 
	inode VARCHAR(40) NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	CONSTRAINT pk_locations PRIMARY KEY (id), 
	CONSTRAINT uq_locations_machine_path_key UNIQUE (machine, path_key), 
	CONSTRAINT fk_locations_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "locations" VALUES(1,'machine','32095b0e7ad3c18abdbc6d856e6fee3321dc16fa33ca13df4c3349221126b0c4',X'2F6D2F632E7074','/m/c.pt','2026-11-22T22:37:37Z',334641164,'1700000000123456789','1700000001000000000','2049','131077',2,'present');
INSERT INTO "locations" VALUES(2,'machine','fb745b29ad71ee5e3f89ef8a19fafbea1245ab5f08b57ce3fb263b8faf963383',X'2F6D2F762E7074','/m/v.pt','2026-11-22T22:37:37Z',334641164,'1700000000123456789','1700000001000000000','2049','131077',1,'present');
CREATE TABLE origins (
	id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	ref TEXT NOT NULL, 
	revision TEXT, 
	url TEXT, 
	CONSTRAINT pk_origins PRIMARY KEY (id), 
	CONSTRAINT fk_origins_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
CREATE TABLE readings (
	artifact_id INTEGER NOT NULL, 
	probes_version INTEGER NOT NULL, 
	response TEXT, 
	fit TEXT, 
	finite TEXT NOT NULL, 
	contrast TEXT, 
	trouble TEXT, 
	recorded_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_readings PRIMARY KEY (artifact_id), 
	CONSTRAINT fk_readings_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "readings" VALUES(1,1,'{"jacobian": [[0.0, 0.0, 0.0], [0.3333333333333333, -0.14285714285714285, 5e-324], [0.6666666666666666, -0.2857142857142857, 1e-323], [1.0, -0.42857142857142855, 1.5e-323]], "scaled": false}','{"factors": [[0.0, 0.0, 0.0], [0.3333333333333333, -0.14285714285714285, 5e-324], [0.6666666666666666, -0.2857142857142857, 1e-323], [1.0, -0.42857142857142855, 1.5e-323]], "deviation": 0.30000000000000004, "scaled": true}','true','3.333333333333333e+307',NULL,'2026-11-22T22:37:37Z');
CREATE TABLE rejections (
	id INTEGER NOT NULL, 
	machine VARCHAR(64) NOT NULL, 
	path_key VARCHAR(64) NOT NULL, 
	path BLOB NOT NULL, 
	shown TEXT NOT NULL, 
	seen_at VARCHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns VARCHAR(40) NOT NULL, 
	ctime_ns VARCHAR(40) NOT NULL, 
	device VARCHAR(40) NOT NULL, 
	inode VARCHAR(40) NOT NULL, 
	code TEXT NOT NULL, 
	message TEXT NOT NULL, 
	CONSTRAINT pk_rejections PRIMARY KEY (id), 
	CONSTRAINT uq_rejections_machine_path_key UNIQUE (machine, path_key)
);
INSERT INTO "rejections" VALUES(1,'machine','6dc0a8f9eb4d76b682b76b19523c9c333f3a6dd26151924ce6ef0e7ddf2c3c5b',X'2F6D2F6261642E636B7074','/m/bad.ckpt','2026-11-22T22:37:37Z',334641164,'1700000000123456789','1700000001000000000','2049','131077','unsafe_pickle','It asks for os.system.');
CREATE TABLE roots (
	id INTEGER NOT NULL, 
	machine VARCHAR(64) NOT NULL, 
	path_key VARCHAR(64) NOT NULL, 
	path BLOB NOT NULL, 
	shown TEXT NOT NULL, 
	seen_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_roots PRIMARY KEY (id), 
	CONSTRAINT uq_roots_machine_path_key UNIQUE (machine, path_key)
);
INSERT INTO "roots" VALUES(1,'machine','4da12da337c23c0a1a5eace34f49d1cb651a170b3653b3aefb07bac69384567f',X'2F6D','/m','2026-11-22T22:37:37Z');
CREATE TABLE verdicts (
	id INTEGER NOT NULL, 
	model_id INTEGER NOT NULL, 
	vae_id INTEGER NOT NULL, 
	level VARCHAR(32) NOT NULL, 
	verdict TEXT NOT NULL, 
	confidence DOUBLE NOT NULL, 
	rules_version INTEGER NOT NULL, 
	decided_at VARCHAR(40) NOT NULL, 
	advice TEXT NOT NULL, cost TEXT, images TEXT, 
	CONSTRAINT pk_verdicts PRIMARY KEY (id), 
	CONSTRAINT uq_verdicts_model_id_vae_id_level UNIQUE (model_id, vae_id, level), 
	CONSTRAINT fk_verdicts_model_id_artifacts FOREIGN KEY(model_id) REFERENCES artifacts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_verdicts_vae_id_artifacts FOREIGN KEY(vae_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "verdicts" VALUES(1,2,1,'weights','incompatible',0.99,7,'2026-08-22T10:11:12Z','["Use an SDXL VAE."]',NULL,'[]');
CREATE INDEX ix_origins_artifact_id ON origins (artifact_id);
CREATE INDEX ix_locations_artifact_id ON locations (artifact_id);
CREATE INDEX ix_verdicts_vae_id ON verdicts (vae_id);
CREATE INDEX ix_components_content ON components (content);
COMMIT;
