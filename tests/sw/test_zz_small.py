import time


def test_small(shared_cache, small_trained, monkeypatch):
    from gatewright.models.deploy import deploy_or_load
    from gatewright.spec.config import get_config

    t = time.time()
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
    d = deploy_or_load(small_trained, get_config("tiny"))
    print("deploy", time.time() - t, d.program)
