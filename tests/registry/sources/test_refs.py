"""REFs: what people paste names what they mean, and nothing hostile gets through."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaereg.registry.errors import UsageError
from vaereg.registry.sources.refs import (
    CivitaiRef,
    HfRef,
    Ref,
    UrlRef,
    had_secret,
    is_remote,
    parse,
)

REPO = "stabilityai/sd-vae-ft-mse"
CANARY = "canary-5fd1a7"

HUGGING_FACE = {
    REPO: HfRef(REPO),
    f"hf:{REPO}": HfRef(REPO),
    f"  HF:{REPO}\n": HfRef(REPO),
    f"hf:{REPO}/vae/": HfRef(REPO, "vae"),
    f"hf:{REPO}/a/b.safetensors@v1": HfRef(REPO, "a/b.safetensors", "v1"),
    f"hf:{REPO}@refs/pr/1": HfRef(REPO, None, "refs/pr/1"),
    f"hf:{REPO}/a%40b.bin@main": HfRef(REPO, "a@b.bin", "main"),
    f"hf://{REPO}": HfRef(REPO),
    f"hf://{REPO}@main/vae/x.safetensors": HfRef(REPO, "vae/x.safetensors", "main"),
    f"hf://{REPO}@refs/pr/1/vae": HfRef(REPO, "vae", "refs/pr/1"),
    f"hf://{REPO}/vae@main": HfRef(REPO, "vae", "main"),
    f"{REPO}::vae": HfRef(REPO, "vae"),
    f"hf:{REPO}::vae": HfRef(REPO, "vae"),
    f"hf:{REPO}::vae@main": HfRef(REPO, "vae", "main"),
    f"{REPO}::vae/x.ckpt@refs/pr/1": HfRef(REPO, "vae/x.ckpt", "refs/pr/1"),
    f"huggingface:{REPO}@main": HfRef(REPO, None, "main"),
    f"hf:{REPO}/a::b@c::d": HfRef(REPO, "a::b", "c::d"),
    f"{REPO}::sub/path.ckpt": HfRef(REPO, "sub/path.ckpt"),
    f"https://huggingface.co/{REPO}": HfRef(REPO),
    f"https://www.huggingface.co/{REPO}/": HfRef(REPO),
    f"HTTPS://HF.co/{REPO}": HfRef(REPO),
    f"huggingface.co/{REPO}": HfRef(REPO),
    f"hf.co/{REPO}": HfRef(REPO),
    f"https://huggingface.co/{REPO}/tree/main": HfRef(REPO, None, "main"),
    f"https://huggingface.co/{REPO}/tree/main/vae": HfRef(REPO, "vae", "main"),
    f"https://huggingface.co/{REPO}/blob/main/x.safetensors": HfRef(REPO, "x.safetensors", "main"),
    f"https://huggingface.co/{REPO}/resolve/main/x.safetensors?download=true": HfRef(
        REPO, "x.safetensors", "main"
    ),
    f"https://huggingface.co/{REPO}/blob/refs%2Fpr%2F1/x%20y.bin#L3": HfRef(
        REPO, "x y.bin", "refs/pr/1"
    ),
    f"https://huggingface.co/{REPO}/blob/refs/pr/12/x.bin": HfRef(REPO, "x.bin", "refs/pr/12"),
    f"https://huggingface.co/{REPO}?show_file_info=vae%2Fx.safetensors": HfRef(
        REPO, "vae/x.safetensors"
    ),
    f"huggingface.co/{REPO}/tree/main?library=d&show_file_info=x.gguf": HfRef(
        REPO, "x.gguf", "main"
    ),
    f"https://huggingface.co/{REPO}/blob/main/x.bin?show_file_info=y": HfRef(REPO, "x.bin", "main"),
    f"https://huggingface.co/{REPO}/commit/31f26fdeee": HfRef(REPO, None, "31f26fdeee"),
    f"https://huggingface.co/api/models/{REPO}": HfRef(REPO),
    f"urn:air:sd1:checkpoint:huggingface:{REPO}@main": HfRef(REPO, None, "main"),
    f"URN:AIR:SD1:CHECKPOINT:HUGGINGFACE:{REPO}": HfRef(REPO),
}
CIVITAI = {
    "civitai:22354": CivitaiRef(22354),
    "civitai:22354@88156": CivitaiRef(22354, 88156),
    "Civitai:22354@88156+77": CivitaiRef(22354, 88156, 77),
    "civitai:@88156": CivitaiRef(None, 88156),
    "https://civitai.com/models/22354": CivitaiRef(22354),
    "https://www.civitai.com/models/22354/vae-ft-mse?foo=1#reviews": CivitaiRef(22354),
    "https://civitai.red/models/22354?modelVersionId=88156": CivitaiRef(22354, 88156),
    "https://civitai.green/models/22354/slug?modelVersionId=88156": CivitaiRef(22354, 88156),
    "https://civitai.com/models/22354?version=88156": CivitaiRef(22354, 88156),
    "civitai.com/models/22354/slug/": CivitaiRef(22354),
    "https://civitai.com/de/models/22354/slug?modelVersionId=88156": CivitaiRef(22354, 88156),
    "civitai.com/zh-CN/models/22354": CivitaiRef(22354),
    "https://civitai.com/model-versions/88156": CivitaiRef(None, 88156),
    "https://civitai.com/api/download/models/88156": CivitaiRef(None, 88156),
    "https://civitai.com/api/download/models/88156?fileId=77&token=x": CivitaiRef(None, 88156, 77),
    "https://civitai.com/api/download/models/88156?type=VAE&format=Other&token=x": CivitaiRef(
        None, 88156, asks=(("type", "VAE"), ("format", "Other"))
    ),
    "https://civitai.com/api/v1/model-versions/88156": CivitaiRef(None, 88156),
    "https://api.civitai.com/api/v1/models/22354": CivitaiRef(22354),
    "urn:air:sd1:vae:civitai:22354@88156": CivitaiRef(22354, 88156),
    "urn:air:sd1:vae:civitai:22354": CivitaiRef(22354),
    "air:sdxl:vae:civitai:296576@333245": CivitaiRef(296576, 333245),
    "sdxl:vae:civitai:296576@333245+265999": CivitaiRef(296576, 333245, 265999),
    "vae:civitai:1@2": CivitaiRef(1, 2),
    "civitai:276082@333245.safetensors": CivitaiRef(276082, 333245),
    "urn:air:sd1:vae:civitai:22354@88156+77.safetensors": CivitaiRef(22354, 88156, 77),
    "URN:AIR:SD1:VAE:CIVITAI:1@2": CivitaiRef(1, 2),
}
PLAIN = {
    "https://Example.org:443/a/vae.safetensors?sig=a%2Fb&x#top": UrlRef(
        "https://example.org/a/vae.safetensors?sig=a%2Fb&x"
    ),
    "http://[::1]:8080/vae file.ckpt": UrlRef("http://[::1]:8080/vae%20file.ckpt"),
    f"https://example.org/v.pt?token={CANARY}&a=1&Api_Key={CANARY}&b=%20": UrlRef(
        "https://example.org/v.pt?a=1&b=%20"
    ),
    "https://bucket.example/v.pt?X-Amz-Security-Token=s&X-Amz-Signature=t": UrlRef(
        "https://bucket.example/v.pt?X-Amz-Security-Token=s&X-Amz-Signature=t"
    ),
    "https://b2.civitai.com/file/v.safetensors": UrlRef(
        "https://b2.civitai.com/file/v.safetensors"
    ),
}


@pytest.mark.parametrize(("text", "ref"), [*(HUGGING_FACE | CIVITAI | PLAIN).items()])
def test_what_people_paste(text: str, ref: Ref) -> None:
    assert parse(text) == ref
    assert parse(str(ref)) == ref
    assert CANARY not in repr(parse(text))


@pytest.mark.parametrize("revision", ["main", "refs/pr/1", "v1.0", "31f26fdeee"])
def test_owner_and_repo_at_a_revision_can_be_a_path_too(revision: str) -> None:
    text = f"{REPO}@{revision}"
    assert parse(text) == HfRef(REPO, None, revision)
    assert not is_remote(text)


@pytest.mark.parametrize(
    "text",
    [
        "vae.safetensors",
        "./stabilityai/sd-vae",
        "/models/vae",
        "../a/b",
        "vae/sdxl_vae.safetensors",
        "a/b/c",
        "a b/c",
        "a/b@",
        "a/b@c d",
        "a/b@../c",
        "a/vae.safetensors@main",
        "735e4c3a44",
        "22354",
        "C:\\models\\vae.ckpt",
        "",
        "owner/repo.git",
        "a--b/c",
        "größe/vae",
    ],
)
def test_local_names_are_none_of_it(text: str) -> None:
    assert parse(text) is None
    assert not is_remote(text)


MALFORMED = [
    ("hf:", "hf:owner/repo"),
    ("hf:owner", "hf:owner/repo"),
    (f"hf:{REPO}@", "revision"),
    (f"hf:{REPO}@a b", "space"),
    (f"hf:{REPO}/../x", "'..'"),
    (f"hf:{REPO}/a//b", "empty part"),
    (f"hf:{REPO}/a\\b", "backslash"),
    (f"{REPO}::../x", "'..'"),
    (f"{REPO}::vae@", "revision"),
    (f"civitai:abc?token={CANARY}", "whole numbers"),
    (f"civitai:1@2:layer?token={CANARY}", "civitai:MODEL"),
    (f"hf:owner?token={CANARY}", "hf:owner/repo"),
    (f"civitai.com/models/abc?token={CANARY}", "whole numbers"),
    ("hf://datasets/owner/repo", "dataset"),
    ("https://huggingface.co/datasets/owner/repo", "dataset"),
    ("https://huggingface.co/spaces/owner/repo/tree/main", "space"),
    ("https://huggingface.co/spaces", "a space"),
    ("https://huggingface.co/docs/diffusers", "documentation"),
    ("huggingface.co/blog/vae", "a blog post"),
    ("https://huggingface.co/papers/2401.12345", "a paper"),
    ("https://huggingface.co/collections/owner/vaes-65f1", "a collection"),
    ("https://huggingface.co/models?search=vae", "a list of models"),
    (f"https://huggingface.co/{REPO}?show_file_info=../x", "'..'"),
    ("https://huggingface.co/gpt2", "no page"),
    (f"https://huggingface.co/{REPO}/discussions/3", "no page"),
    (f"https://huggingface.co/{REPO}/blob/main/%2e%2e/x", "'..'"),
    (f"https://huggingface.co/{REPO}/blob/main/a%5Cb", "backslash"),
    (f"https://huggingface.co/{REPO}/blob/main/a%00b", "backslash"),
    ("civitai:abc", "civitai:296576@333245"),
    ("civitai:", "civitai:MODEL"),
    ("civitai:+77", "civitai:MODEL"),
    ("civitai:0", "whole numbers"),
    ("civitai:2147483648", "whole numbers"),
    ("civitai:1@2:layer", "civitai:MODEL"),
    ("urn:air:sd1:vae:civitai:1@2:layer", "urn:air:"),
    ("urn:air:sd1:vae:openai:gpt@1", "urn:air:"),
    ("urn:air:sd1:vae:huggingface:nothing", "urn:air:"),
    ("https://civitai.com/user/somebody", "no page"),
    ("https://civitai.com/models/abc", "whole numbers"),
    ("https://civitai.com/models/1?modelVersionId=x", "whole numbers"),
    (f"https://me:{CANARY}@example.org/x", "user name"),
    (f"https://{CANARY}@huggingface.co/{REPO}", "user name"),
    ("https://example.org", "no file"),
    ("https:///x", "no host"),
    ("https://example.org:port/x", "malformed"),
    ("https://[::1/x", "malformed"),
    ("https://example.org/a/../b", "'..'"),
    ("https://example.org/a?b=\udc80", "characters"),
    ("https://exa\udc80mple.org/a", "characters"),
    ("https://example.org/\udc80", "no path may have"),
    ("https://exam ple.org/a", "no host"),
    (f"hf:{REPO}/\udc80", "no path may have"),
    ("s3://bucket/vae.ckpt", "cannot be read"),
    ("file:///vae.ckpt", "cannot be read"),
]


@pytest.mark.parametrize(("text", "says"), MALFORMED)
def test_what_means_a_service_and_is_malformed_is_refused_with_a_way_out(
    text: str, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    told = f"{caught.value.message} {caught.value.hint}"
    assert says in told
    assert CANARY not in told


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("https://civitai.com/api/download/models/1?token=x", True),
        ("https://example.org/f?api_key=x", True),
        ("https://example.org/f?API-KEY=x&a=1", True),
        ("https://example.org/f?access_token=x", True),
        ("civitai.com/api/download/models/1?token=x", True),
        (" 127.0.0.1:8081/api/download/models/1?type=VAE&token=x#top", True),
        ("mirror.example/hub/owner/repo?token=x", True),
        ("civitai:1@2?type=VAE&token=x", True),
        ("civitai.com/models/1?modelVersionId=2", False),
        ("https://example.org/f#a?token=x", False),
        ("hf:owner/repo/f?token=x", False),
        ("owner/repo::f?token=x", False),
        ("https://example.org/f?X-Amz-Security-Token=x", False),
        ("https://example.org/f?tokens=x", False),
        ("https://me:pw@example.org/f", False),
        ("hf:owner/repo", False),
    ],
)
def test_secrets_in_a_query_are_noticed(text: str, secret: bool) -> None:
    assert had_secret(text) is secret


OWN = ("127.0.0.1:8081", "https://mirror.example/hub/", "civ.example", "http://models")


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (f"http://127.0.0.1:8081/{REPO}/resolve/main/x", HfRef(REPO, "x", "main")),
        (f"https://mirror.example/hub/{REPO}", HfRef(REPO)),
        (f"https://mirror.example/{REPO}/a", UrlRef(f"https://mirror.example/{REPO}/a")),
        ("https://civ.example/models/1?modelVersionId=2", CivitaiRef(1, 2)),
        ("http://127.0.0.1:8081/api/download/models/2?fileId=3", CivitaiRef(None, 2, 3)),
        ("127.0.0.1:8081/api/download/models/2?token=x", CivitaiRef(None, 2)),
        (f"mirror.example/hub/{REPO}/tree/main?show_file_info=x", HfRef(REPO, "x", "main")),
        ("civ.example/de/models/1", CivitaiRef(1)),
        ("https://mirror.example/hub/docs/x", UrlRef("https://mirror.example/hub/docs/x")),
        ("models/vae", HfRef("models/vae")),
        ("http://127.0.0.1:8081/file.ckpt", UrlRef("http://127.0.0.1:8081/file.ckpt")),
        ("http://127.0.0.1:8082/a/b", UrlRef("http://127.0.0.1:8082/a/b")),
    ],
)
def test_endpoints_of_ones_own(text: str, ref: Ref) -> None:
    assert parse(text, OWN) == ref


@pytest.mark.parametrize("text", [text for text in HUGGING_FACE | CIVITAI | PLAIN if text != REPO])
def test_all_but_owner_and_repo_are_plainly_remote(text: str) -> None:
    assert is_remote(text)
    assert not is_remote(REPO)


_name = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.]{0,20}[A-Za-z0-9_])?", fullmatch=True).filter(
    lambda name: ".." not in name and not name.endswith(".git")
)
_text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)
_part = _text.filter(lambda part: part not in (".", "..") and not set(part) & set("/\\"))
_path = st.lists(_part, min_size=1, max_size=3).map("/".join)
_revision = _path.filter(lambda name: not any(letter.isspace() for letter in name))
_id = st.integers(1, 2**31 - 1)
_refs = st.one_of(
    st.builds(
        HfRef,
        st.builds("{}/{}".format, _name.filter(lambda o: o not in ("datasets", "spaces")), _name),
        st.none() | _path,
        st.none() | _revision,
    ),
    st.builds(CivitaiRef, _id, st.none() | _id, st.none() | _id),
    st.builds(
        CivitaiRef, st.none(), _id, st.none() | _id, st.just((("type", "VAE"),)) | st.just(())
    ),
)


@given(_refs)
def test_every_ref_is_read_back_as_itself(ref: Ref) -> None:
    assert parse(str(ref)) == ref


@given(st.text(string.printable) | st.text())
def test_no_text_escapes_with_another_error(text: str) -> None:
    for form in ("{}", "hf:{}", "hf://a/b@{}", "civitai:{}", "urn:air:{}", "https://{}"):
        try:
            ref = parse(form.format(text))
        except UsageError:
            continue
        assert ref is None or parse(str(ref)) == ref
