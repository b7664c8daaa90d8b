CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.artifacts (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    autov1 text,
    autov2 text,
    autov3 text,
    blake3 text,
    crc32 text,
    content text,
    size bigint NOT NULL,
    format text NOT NULL,
    kind text NOT NULL,
    known_as text,
    notices text NOT NULL,
    identified_at character varying(32) NOT NULL
);
CREATE SEQUENCE public.artifacts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.artifacts_id_seq OWNED BY public.artifacts.id;
CREATE TABLE public.components (
    id bigint NOT NULL,
    artifact_id bigint NOT NULL,
    ordinal integer NOT NULL,
    role text NOT NULL,
    architecture text NOT NULL,
    layout text NOT NULL,
    prefix text NOT NULL,
    parts text NOT NULL,
    dtypes text NOT NULL,
    tensors bigint NOT NULL,
    parameters bigint NOT NULL,
    notices text NOT NULL,
    content text
);
CREATE SEQUENCE public.components_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.components_id_seq OWNED BY public.components.id;
CREATE TABLE public.evidence (
    verdict_id bigint NOT NULL,
    ordinal integer NOT NULL,
    check_name text NOT NULL,
    outcome text NOT NULL,
    expected text,
    found text,
    message text NOT NULL
);
CREATE TABLE public.fingerprints (
    component_id bigint NOT NULL,
    channels bigint,
    spatial_factor double precision,
    temporal_factor bigint,
    family text,
    candidates text NOT NULL,
    determined_by text,
    confidence double precision NOT NULL,
    scaling_factor double precision,
    shift_factor double precision,
    scaling_determined_by text
);
CREATE TABLE public.locations (
    id bigint NOT NULL,
    machine character varying(64) NOT NULL,
    path_key character varying(64) NOT NULL,
    path bytea NOT NULL,
    shown text NOT NULL,
    seen_at character varying(32) NOT NULL,
    size bigint NOT NULL,
    mtime_ns character varying(40) NOT NULL,
    ctime_ns character varying(40) NOT NULL,
    device character varying(40) NOT NULL,
    inode character varying(40) NOT NULL,
    artifact_id bigint NOT NULL,
    state text NOT NULL
);
CREATE SEQUENCE public.locations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.locations_id_seq OWNED BY public.locations.id;
CREATE TABLE public.origins (
    id bigint NOT NULL,
    artifact_id bigint NOT NULL,
    source text NOT NULL,
    ref text NOT NULL,
    revision text,
    url text
);
CREATE SEQUENCE public.origins_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.origins_id_seq OWNED BY public.origins.id;
CREATE TABLE public.readings (
    artifact_id bigint NOT NULL,
    probes_version integer NOT NULL,
    response text,
    fit text,
    finite text NOT NULL,
    contrast text,
    trouble text,
    recorded_at character varying(32) NOT NULL
);
CREATE TABLE public.rejections (
    id bigint NOT NULL,
    machine character varying(64) NOT NULL,
    path_key character varying(64) NOT NULL,
    path bytea NOT NULL,
    shown text NOT NULL,
    seen_at character varying(32) NOT NULL,
    size bigint NOT NULL,
    mtime_ns character varying(40) NOT NULL,
    ctime_ns character varying(40) NOT NULL,
    device character varying(40) NOT NULL,
    inode character varying(40) NOT NULL,
    code text NOT NULL,
    message text NOT NULL
);
CREATE SEQUENCE public.rejections_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.rejections_id_seq OWNED BY public.rejections.id;
CREATE TABLE public.roots (
    id bigint NOT NULL,
    machine character varying(64) NOT NULL,
    path_key character varying(64) NOT NULL,
    path bytea NOT NULL,
    shown text NOT NULL,
    seen_at character varying(32) NOT NULL
);
CREATE SEQUENCE public.roots_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.roots_id_seq OWNED BY public.roots.id;
CREATE TABLE public.verdicts (
    id bigint NOT NULL,
    model_id bigint NOT NULL,
    vae_id bigint NOT NULL,
    level character varying(32) NOT NULL,
    verdict text NOT NULL,
    confidence double precision NOT NULL,
    rules_version integer NOT NULL,
    decided_at character varying(40) NOT NULL,
    advice text NOT NULL,
    cost text,
    images text
);
CREATE SEQUENCE public.verdicts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.verdicts_id_seq OWNED BY public.verdicts.id;
ALTER TABLE ONLY public.artifacts ALTER COLUMN id SET DEFAULT nextval('public.artifacts_id_seq'::regclass);
ALTER TABLE ONLY public.components ALTER COLUMN id SET DEFAULT nextval('public.components_id_seq'::regclass);
ALTER TABLE ONLY public.locations ALTER COLUMN id SET DEFAULT nextval('public.locations_id_seq'::regclass);
ALTER TABLE ONLY public.origins ALTER COLUMN id SET DEFAULT nextval('public.origins_id_seq'::regclass);
ALTER TABLE ONLY public.rejections ALTER COLUMN id SET DEFAULT nextval('public.rejections_id_seq'::regclass);
ALTER TABLE ONLY public.roots ALTER COLUMN id SET DEFAULT nextval('public.roots_id_seq'::regclass);
ALTER TABLE ONLY public.verdicts ALTER COLUMN id SET DEFAULT nextval('public.verdicts_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('m002');
INSERT INTO public.artifacts VALUES (1, '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9', NULL, '5feceb66ff', 'bbbbbbbbbbbb', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', '0d4a1185', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 334641164, 'safetensors', 'vae', NULL, '[["extra-fields", "the header has fields of no meaning"]]', '2026-11-22T22:37:38Z');
INSERT INTO public.artifacts VALUES (2, '9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4', NULL, NULL, NULL, NULL, NULL, NULL, 6938040682, 'safetensors', 'checkpoint', NULL, '[]', '2026-11-22T22:37:38Z');
INSERT INTO public.components VALUES (1, 1, 0, 'vae', 'autoencoder-kl', 'ldm', 'first_stage_model.', '["encoder", "decoder"]', '["float16", "float32"]', 248, 83653863, '[["metadata", "a note"]]', NULL);
INSERT INTO public.components VALUES (2, 2, 0, 'denoiser', 'unet-sdxl', 'ldm', 'first_stage_model.', '[]', '["float16", "float32"]', 248, 83653863, '[]', NULL);
INSERT INTO public.components VALUES (3, 2, 1, 'vae', 'autoencoder-kl', 'ldm', 'first_stage_model.', '["encoder", "decoder"]', '["float16", "float32"]', 248, 83653863, '[["metadata", "a note"]]', NULL);
INSERT INTO public.components VALUES (4, 2, 2, 'text_encoder', 'clip-l', 'ldm', 'first_stage_model.', '[]', '["float16", "float32"]', 248, 83653863, '[["metadata", "a note"]]', NULL);
INSERT INTO public.evidence VALUES (1, 0, 'latent-channels', 'pass', '4', '4', 'Both have 4 channels.');
INSERT INTO public.evidence VALUES (1, 1, 'latent-family', 'fail', 'sdxl', NULL, 'The VAE is of another family.');
INSERT INTO public.fingerprints VALUES (1, 4, 8, 1, 'sdxl', '["sdxl"]', 'weights', 0.98, 0.13025, 0, 'family');
INSERT INTO public.fingerprints VALUES (2, 4, 8, 1, 'sdxl', '["sdxl"]', 'weights', 0.98, 0.13025, 0, 'family');
INSERT INTO public.fingerprints VALUES (3, 4, 8, 1, 'sdxl', '["sdxl"]', 'weights', 0.98, 0.13025, 0, 'family');
INSERT INTO public.locations VALUES (1, 'machine', '32095b0e7ad3c18abdbc6d856e6fee3321dc16fa33ca13df4c3349221126b0c4', '\x2f6d2f632e7074', '/m/c.pt', '2026-11-22T22:37:38Z', 334641164, '1700000000123456789', '1700000001000000000', '2049', '131077', 2, 'present');
INSERT INTO public.locations VALUES (2, 'machine', 'fb745b29ad71ee5e3f89ef8a19fafbea1245ab5f08b57ce3fb263b8faf963383', '\x2f6d2f762e7074', '/m/v.pt', '2026-11-22T22:37:38Z', 334641164, '1700000000123456789', '1700000001000000000', '2049', '131077', 1, 'present');
INSERT INTO public.readings VALUES (1, 1, '{"jacobian": [[0.0, 0.0, 0.0], [0.3333333333333333, -0.14285714285714285, 5e-324], [0.6666666666666666, -0.2857142857142857, 1e-323], [1.0, -0.42857142857142855, 1.5e-323]], "scaled": false}', '{"factors": [[0.0, 0.0, 0.0], [0.3333333333333333, -0.14285714285714285, 5e-324], [0.6666666666666666, -0.2857142857142857, 1e-323], [1.0, -0.42857142857142855, 1.5e-323]], "deviation": 0.30000000000000004, "scaled": true}', 'true', '3.333333333333333e+307', NULL, '2026-11-22T22:37:38Z');
INSERT INTO public.rejections VALUES (1, 'machine', '6dc0a8f9eb4d76b682b76b19523c9c333f3a6dd26151924ce6ef0e7ddf2c3c5b', '\x2f6d2f6261642e636b7074', '/m/bad.ckpt', '2026-11-22T22:37:38Z', 334641164, '1700000000123456789', '1700000001000000000', '2049', '131077', 'unsafe_pickle', 'It asks for os.system.');
INSERT INTO public.roots VALUES (1, 'machine', '4da12da337c23c0a1a5eace34f49d1cb651a170b3653b3aefb07bac69384567f', '\x2f6d', '/m', '2026-11-22T22:37:38Z');
INSERT INTO public.verdicts VALUES (1, 2, 1, 'weights', 'incompatible', 0.99, 7, '2026-08-22T10:11:12Z', '["Use an SDXL VAE."]', NULL, '[]');
SELECT pg_catalog.setval('public.artifacts_id_seq', 2, true);
SELECT pg_catalog.setval('public.components_id_seq', 4, true);
SELECT pg_catalog.setval('public.locations_id_seq', 2, true);
SELECT pg_catalog.setval('public.origins_id_seq', 1, false);
SELECT pg_catalog.setval('public.rejections_id_seq', 1, true);
SELECT pg_catalog.setval('public.roots_id_seq', 1, true);
SELECT pg_catalog.setval('public.verdicts_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (id);
ALTER TABLE ONLY public.components
    ADD CONSTRAINT pk_components PRIMARY KEY (id);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT pk_evidence PRIMARY KEY (verdict_id, ordinal);
ALTER TABLE ONLY public.fingerprints
    ADD CONSTRAINT pk_fingerprints PRIMARY KEY (component_id);
ALTER TABLE ONLY public.locations
    ADD CONSTRAINT pk_locations PRIMARY KEY (id);
ALTER TABLE ONLY public.origins
    ADD CONSTRAINT pk_origins PRIMARY KEY (id);
ALTER TABLE ONLY public.readings
    ADD CONSTRAINT pk_readings PRIMARY KEY (artifact_id);
ALTER TABLE ONLY public.rejections
    ADD CONSTRAINT pk_rejections PRIMARY KEY (id);
ALTER TABLE ONLY public.roots
    ADD CONSTRAINT pk_roots PRIMARY KEY (id);
ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT pk_verdicts PRIMARY KEY (id);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT uq_artifacts_sha256 UNIQUE (sha256);
ALTER TABLE ONLY public.components
    ADD CONSTRAINT uq_components_artifact_id_ordinal UNIQUE (artifact_id, ordinal);
ALTER TABLE ONLY public.locations
    ADD CONSTRAINT uq_locations_machine_path_key UNIQUE (machine, path_key);
ALTER TABLE ONLY public.rejections
    ADD CONSTRAINT uq_rejections_machine_path_key UNIQUE (machine, path_key);
ALTER TABLE ONLY public.roots
    ADD CONSTRAINT uq_roots_machine_path_key UNIQUE (machine, path_key);
ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT uq_verdicts_model_id_vae_id_level UNIQUE (model_id, vae_id, level);
CREATE INDEX ix_components_content ON public.components USING btree (content);
CREATE INDEX ix_locations_artifact_id ON public.locations USING btree (artifact_id);
CREATE INDEX ix_origins_artifact_id ON public.origins USING btree (artifact_id);
CREATE INDEX ix_verdicts_vae_id ON public.verdicts USING btree (vae_id);
ALTER TABLE ONLY public.components
    ADD CONSTRAINT fk_components_artifact_id_artifacts FOREIGN KEY (artifact_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT fk_evidence_verdict_id_verdicts FOREIGN KEY (verdict_id) REFERENCES public.verdicts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.fingerprints
    ADD CONSTRAINT fk_fingerprints_component_id_components FOREIGN KEY (component_id) REFERENCES public.components(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.locations
    ADD CONSTRAINT fk_locations_artifact_id_artifacts FOREIGN KEY (artifact_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.origins
    ADD CONSTRAINT fk_origins_artifact_id_artifacts FOREIGN KEY (artifact_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.readings
    ADD CONSTRAINT fk_readings_artifact_id_artifacts FOREIGN KEY (artifact_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT fk_verdicts_model_id_artifacts FOREIGN KEY (model_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT fk_verdicts_vae_id_artifacts FOREIGN KEY (vae_id) REFERENCES public.artifacts(id) ON DELETE CASCADE;
