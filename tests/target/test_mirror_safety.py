"""What a mirror must never void or delete."""


def versioned(singer, version, *records):
    return [
        singer.schema("customers"),
        *({**singer.record("customers", **one), "version": version} for one in records),
        {"type": "ACTIVATE_VERSION", "stream": "customers", "version": version},
    ]


MIRROR = {"ids": "external", "streams": {"customers": {"mirror": True}}}
MANY = [{"id": f"k{number}", "name": f"N{number}"} for number in range(60)]


def test_a_test_of_a_mirror_deletes_nothing(run_target, account, server, singer):
    """`--test` writes the first record only: the others were left out, not removed."""
    assert run_target(server, versioned(singer, 1, *MANY), **MIRROR).exit_code == 0
    changed = [{**one, "name": "changed"} for one in MANY]
    assert run_target(server, versioned(singer, 2, *changed), "--test", **MIRROR).exit_code == 0
    assert len(account.objects("customers")) == len(MANY)


def test_what_the_new_version_brought_and_invoiced_refused_stays(
    run_target, account, server, singer
):
    """With many records, so that they are written in several turns."""
    assert run_target(server, versioned(singer, 1, *MANY), **MIRROR).exit_code == 0
    refused = [{**one, "autopay": "perhaps"} for one in MANY]
    run = run_target(server, versioned(singer, 2, *refused), **MIRROR, max_rejects=-1)
    assert run.counts("customers") == {"rejected": len(MANY)}
    assert len(account.objects("customers")) == len(MANY)


def test_records_without_a_version_stop_the_run_before_anything_is_deleted(
    run_target, account, server, singer
):
    assert run_target(server, versioned(singer, 1, *MANY), **MIRROR).exit_code == 0
    (_, *_, activate) = versioned(singer, 2)
    messages = [*singer.stream("customers", MANY[0]), activate]
    run = run_target(server, messages, **MIRROR)
    assert run.exit_code == 1
    assert "records of it came without a version" in run.complaint
    assert len(account.objects("customers")) == len(MANY)
