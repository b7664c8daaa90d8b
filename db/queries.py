"""The SQL of the quick reads, in words that SQLite and PostgreSQL share; see rows.py."""

from __future__ import annotations

ARTIFACTS = """
SELECT id, sha256, autov1, autov2, autov3, blake3, crc32, content, size,
  format, kind, known_as, notices
FROM artifacts
"""

_COMPONENTS = """
SELECT c.artifact_id,
  c.role, c.architecture, c.layout, c.prefix, c.parts, c.dtypes, c.tensors, c.parameters, c.notices,
  c.content, f.component_id,
  f.channels, f.spatial_factor, f.temporal_factor, f.family, f.candidates, f.determined_by,
  f.confidence, f.scaling_factor, f.shift_factor, f.scaling_determined_by
FROM components c LEFT JOIN fingerprints f ON f.component_id = c.id
{where} ORDER BY c.artifact_id, c.ordinal
"""

_LOCATIONS = """
SELECT artifact_id, path, size, mtime_ns, ctime_ns, device, inode, state
FROM locations WHERE machine = ? {also} ORDER BY id
"""

COMPONENTS = _COMPONENTS.format(where="")
LOCATIONS = _LOCATIONS.format(also="")

ARTIFACT = ARTIFACTS + "WHERE sha256 = ?"
COMPONENTS_OF = _COMPONENTS.format(where="WHERE c.artifact_id = ?")
LOCATIONS_OF = _LOCATIONS.format(also="AND artifact_id = ?")

PLACES = """
SELECT l.path, l.size, l.mtime_ns, l.ctime_ns, l.device, l.inode, l.state, a.sha256
FROM locations l JOIN artifacts a ON a.id = l.artifact_id WHERE l.machine = ?
"""

REJECTIONS = """
SELECT path, size, mtime_ns, ctime_ns, device, inode, code, message
FROM rejections WHERE machine = ? ORDER BY path
"""

ROOTS = """
SELECT path FROM roots WHERE machine = ? ORDER BY path
"""

_VERDICTS = """
SELECT v.id, m.sha256, a.sha256,
  v.verdict, v.confidence, v.advice, v.rules_version, v.level, v.decided_at,
  v.cost, v.images
FROM verdicts v JOIN artifacts m ON m.id = v.model_id JOIN artifacts a ON a.id = v.vae_id
{where} ORDER BY v.id
"""

_EVIDENCE = """
SELECT verdict_id, check_name, outcome, expected, found, message
FROM evidence {where} ORDER BY verdict_id, ordinal
"""

VERDICTS = _VERDICTS.format(where="")
EVIDENCE = _EVIDENCE.format(where="")

VERDICTS_OF = _VERDICTS.format(where="WHERE m.sha256 = ? AND a.sha256 = ?")
EVIDENCE_OF = _EVIDENCE.format(where="WHERE verdict_id = ?")

READINGS = """
SELECT a.sha256, r.response, r.fit, r.finite, r.contrast, r.trouble
FROM readings r JOIN artifacts a ON a.id = r.artifact_id
WHERE r.probes_version = ?
"""

ORIGINS = """
SELECT a.sha256, o.source, o.ref, o.revision, o.url, o.name, o.declared
FROM origins o JOIN artifacts a ON a.id = o.artifact_id ORDER BY o.id
"""

PAIRS = """
SELECT model_sha256, vae_sha256, ref FROM declared_pairs ORDER BY model_sha256, vae_sha256, ref
"""

LOOKUPS = """
SELECT sha256, known, looked_up_at FROM lookups WHERE source = ?
"""
