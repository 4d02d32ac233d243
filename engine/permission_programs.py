"""Programs that run other programs which are given to them in their own words. Pure data.

Where a program has subcommands, the ones listed run nothing that the command line names; another
one may be an alias or an extension. Interpreters count as a whole, but for known modules.
"""

HINTS = (
    *("exec", "eval", "command", "cmd", "shell", "script", "prog", "pager", "editor", "hook"),
    *("wrapper", "runner", "launcher", "under", "rsh", "pipe", "-pack", "config", "tool"),
    *("extld", "hostname-bin"),
)
LONG = ("eval", "exec", "extcmd", "open-files-in-pager", "pre", "receive-pack", "upload-pack")
MODULES = frozenset({"pytest", "unittest", "mypy", "ruff", "compileall", "json.tool"})
# git-push, ld-linux.so.2, python3.11-dbg, …
FAMILIES = (
    *("git-", "ld-", "ld.", "python", "ipython", "pypy", "perl", "ruby", "node", "lua", "php"),
    *("bash-", "busybox"),
)
_INTERPRETERS = """
    ash bash busybox csh dash env fish ksh lua mksh node perl php pwsh python ruby sh sudo tcsh
    xargs zsh
"""
INTERPRETERS = frozenset(_INTERPRETERS.split())
_SHELLS = """
    ash bash bash5 cmd csh dash elvish fish ksh mksh nu powershell pwsh rbash rc rksh rzsh sash
    sh tcsh toybox xonsh yash zsh
"""
_BUILT_IN = """
    alias autoload bind builtin case command complete compgen coproc declare do done elif else
    emulate enable esac eval exec export fc fi for foreach function functions hash if in let
    local nocorrect noglob popd readonly repeat select set shopt source then time trap typeset
    unalias until while zmodload
"""
_WRAPPERS = """
    abduco ansible arch at batch bpftrace bwrap caffeinate capsh catchsegv cgexec chpst chroot
    chrt concurrently cpulimit crontab daemon daemonize dbus-run-session direnv doas dotenv dtach
    dumb-init entr env expect fakechroot fakeroot firejail flock foreman gdb gosu gtime gtimeout
    i386 ionice ip lldb linux32 linux64 ltrace mosh newgrp nice nocache nodemon nohup nsenter
    numactl parallel perf pkexec prlimit proot pssh proxychains reptyr rsh rlwrap runcon
    run-parts runuser s6-setuidgid screen script scriptreplay setarch setpriv setsid setuidgid
    sg ssh start-stop-daemon stdbuf strace su su-exec sudo sudoedit systemd-run taskset
    timeout tini tmux torify torsocks tsocks unbuffer unshare valgrind watch watchexec watchmedo
    chronic dockerize gpg honcho hyperfine ifne pee rustup
    x86_64 xargs xdg-open open xterm xvfb-run
"""
_WITH_SCRIPTS = """
    R Rscript awk bun busctl clisp dc deno ed elixir emacs erl ex gawk ghc ghci gjs
    gnuplot groovy guile iex irb jshell julia m4 mawk mysql nano nawk nc ncat netcat nvim ocaml
    octave osascript psql racket runghc sbcl scala sed gsed socat sqlite sqlite3 swift tclsh
    telnet ts-node tsx vi view vim vimdiff wish
"""
_WITH_OPTIONS = """
    apt apt-get bundle bunx bzr cmake conda cpio ctest cvs dnf docker-compose dpkg fd fdfind find
    ftp gfind gtar hatch hg install jj less lynx mail man mamba mise more mutt nix nix-shell npx
    asdf opam pdm pipenv pipx pnpx pyenv rbenv rpm rsync scp sftp sort split svn tar tcpdump tox
    uvx vagrant w3m wget yum zip
"""
CARRIERS = frozenset(
    f"{_SHELLS} {_BUILT_IN} {_WRAPPERS} {_WITH_SCRIPTS} {_WITH_OPTIONS}".casefold().split()
)
_PACKAGES = "audit ci install list ls outdated run test version view why"
SUBCOMMANDS = {
    name: frozenset(known.split())
    for name, known in {
        "git": """
            add am annotate apply blame branch cat-file check-ignore checkout cherry cherry-pick
            clean commit count-objects describe diff diff-index diff-tree fsck gc init log
            ls-files ls-tree merge merge-base mv name-rev push range-diff reflog remote reset
            restore rev-list rev-parse revert rm shortlog show show-branch show-ref stash status
            switch symbolic-ref tag var version whatchanged worktree write-tree
        """,
        "npm": _PACKAGES,
        "pnpm": _PACKAGES,
        "yarn": _PACKAGES,
        "uv": "add lock pip remove sync tree venv version",
        "poetry": "add check install lock remove show update version",
        "coverage": "combine erase html json report xml",
        "cargo": "add bench build check clean clippy doc fmt metadata remove test tree update",
        "go": "build clean doc fmt get install list mod run test version vet work",
        "docker": "images info inspect logs ps pull push stop version",
        "podman": "images info inspect logs ps pull push stop version",
        "kubectl": "apply delete describe get logs version",
        "gh": "api auth issue label pr release repo run search status workflow",
    }.items()
}
