"""What our git is told, whatever the host, the repository or an agent has configured.

Hooks, file system monitors, external diffs and signing are off; nothing that the environment
says of another repository, index or program is passed on.
"""

import os
import re
import shutil

OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "diff.external=",
    "protocol.ext.allow=never",
    "core.alternateRefsCommand=",
    "core.splitIndex=false",
    "core.untrackedCache=false",
    # a sparse checkout would make files that were never written look deleted
    "core.sparseCheckout=false",
    # what an index notes of a file must tell whether it was touched since
    *("core.trustctime=true", "core.checkStat=default", "core.ignoreStat=false"),
    "core.quotePath=false",
    "submodule.recurse=false",
    "worktree.useRelativePaths=false",
    # as many as there are cores: a checkout of many files takes about half as long
    "checkout.workers=0",
    "gc.auto=0",
    "maintenance.auto=false",
    *("commit.gpgSign=false", "push.gpgSign=false", "log.showSignature=false"),
    # milliseconds to wait for another git; by itself git gives up after 100
    "core.filesRefLockTimeout=3000",
    "core.packedRefsTimeout=3000",
    "i18n.commitEncoding=UTF-8",
)
# Where a user has configured git-lfs but this host lacks it, files stay pointers.
WITHOUT_LFS = (
    "filter.lfs.process=",
    "filter.lfs.smudge=",
    "filter.lfs.clean=",
    "filter.lfs.required=false",
)
# What would point git to another repository, index, identity or program.
NOT_INHERITED = re.compile(
    r"GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|INDEX_VERSION|OBJECT_DIRECTORY|NAMESPACE|PREFIX"
    r"|ALTERNATE_OBJECT_DIRECTORIES|IMPLICIT_WORK_TREE|SHALLOW_FILE|GRAFT_FILE|REPLACE_REF_BASE"
    r"|CONFIG|CONFIG_PARAMETERS|INTERNAL_.*|EXTERNAL_DIFF|DIFF_OPTS|PAGER.*|EDITOR|ATTR_SOURCE"
    r"|SEQUENCE_EDITOR|CEILING_DIRECTORIES|AUTHOR_.*|COMMITTER_.*|TRACE.*|.*_PATHSPECS)"
    r"|SSH_ASKPASS|(SLACK|ANTHROPIC|CLAUDE|MAB)_.*|.*DATABASE_URL|PGPASSWORD"
)


def options() -> tuple[str, ...]:
    """The settings of every command, which count for more than those of any file."""
    return OPTIONS if shutil.which("git-lfs") else OPTIONS + WITHOUT_LFS


def environment() -> dict[str, str]:
    """The environment of every command: this process's, without what would mislead git."""
    kept = {key: value for key, value in os.environ.items() if not NOT_INHERITED.fullmatch(key)}
    fixed = {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_DOWNLOAD_ERRORS": "1",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
    }
    return kept | fixed
