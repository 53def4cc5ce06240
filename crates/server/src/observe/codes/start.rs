//! `OL-1xxx`: settings, starting, stopping, this machine.
//!
//! Not here: what a disk does wrong (`storage`).

super::codes! { START_CODES
    Error PORT_IN_USE "OL-1001" "an address is in use" {
        "The node could not listen on an address from its settings, because another process listens there. The message names the address, its setting and, where the system tells, the process."
        "The node did not start. Nothing was changed, and the other process goes on."
        "Stop the other process, or choose another address (`--grpc`, `--http`, or the setting that the message names). Two nodes on one machine need different addresses and different data directories."
    }
    Error BIND_REFUSED "OL-1002" "an address that others can reach was refused" {
        "A listen address is not a loopback address, and `security.insecure` is not set."
        "The node did not start. Whoever can reach the address could read and change everything: nothing is encrypted and nobody is asked who they are."
        "Listen on 127.0.0.1 or [::1]. If the network in front of this machine lets only the right callers through, set `security.insecure = true`."
    }
    Error DATA_DIR_IN_USE "OL-1003" "the data directory is in use" {
        "Another process holds the lock on the data directory. The message names its process id where the system tells it."
        "The node did not start. Two processes on one data directory would destroy it, so the second one never opens it."
        "Stop the process that has it, or give this one another directory (`--data DIR`, `node.data_dir`). The lock goes away with its process; do not delete the lock file."
    }
    Error DATA_DIR_UNUSABLE "OL-1004" "the data directory cannot be used" {
        "The data directory cannot be created, opened or written. The message carries the system's reason."
        "The node did not start and nothing was changed."
        "Check that the path is right, that the user the node runs as may write there, and that the file system is mounted read-write."
    }
    Error CONFIG_UNREADABLE "OL-1010" "the configuration file cannot be read" {
        "The file given with `--config` does not exist or cannot be read."
        "The node did not start. No other file is tried in its place."
        "Check the path and its permissions; `outlast config show` shows what would be in force without a file."
    }
    Error CONFIG_SYNTAX "OL-1011" "the configuration file is not TOML" {
        "The configuration file cannot be parsed at the line that the message names."
        "The node did not start; no setting of the file was used."
        "Correct the line. Texts need quotes: `listen = \"127.0.0.1:4001\"`."
    }
    Error CONFIG_UNKNOWN "OL-1012" "there is no such setting" {
        "A key of the file, a variable `OUTLAST_SECTION__KEY` or a flag names a setting that does not exist."
        "The node did not start: a misspelt setting that is silently ignored would be found out at the worst time."
        "Correct the name; the message proposes the nearest one. All settings are in docs/operating/config.md."
    }
    Error CONFIG_VALUE "OL-1013" "a setting has a value that is not allowed" {
        "A value cannot be read or is outside its range. The message names the place, the setting and the range."
        "The node did not start."
        "Choose a value within the range. Sizes and times need a unit: `64MiB`, `5s`."
    }
    Error CONFIG_CONTRADICTION "OL-1014" "settings contradict each other" {
        "Each value for itself is allowed, but not all of them together. The message says which and why."
        "The node did not start."
        "Change one of the settings that the message names; `outlast config show --origin` says where each comes from."
    }
    Error ADDRESS_UNUSABLE "OL-1015" "an address cannot be opened" {
        "The system refused to listen on an address from the settings, for another reason than that it is taken. The message carries the reason."
        "The node did not start. Nothing was changed."
        "Check that this machine has the address, and that the user the node runs as may use the port (those below 1024 need a right)."
    }
    Warning PORT_SKIPPED "OL-1020" "a convenience address is taken" {
        "An address of `grpc.listen_if_free` is in use by another process."
        "The node runs without it; clients reach it at the addresses of `grpc.listen`."
        "Nothing, unless a program expects the node at this address: then free it and start the node again."
    }
    Warning INSECURE "OL-1021" "this node is open to others" {
        "`security.insecure` is set and the node listens on an address that other machines can reach."
        "Whoever reaches it can read and change everything in it. Traffic can be read on the way."
        "Make sure that only the right callers can reach the address, or listen on loopback."
    }
    Warning ACCEPT_FAILED "OL-1022" "connections cannot be accepted" {
        "The system has no file descriptors or memory for another connection."
        "Connections that are open go on; new ones wait and are accepted as soon as there is room."
        "Raise the limit of open files (`ulimit -n`, `LimitNOFILE=`), and look for clients that open connections without end."
    }
    Error LISTENER_ENDED "OL-1023" "a listener has ended" {
        "An address stopped taking connections although the node was not told to stop. The message carries the reason."
        "Nothing is lost. Nobody reaches the node at this address until it is started again."
        "Look at the reason, then restart the node."
    }
    Warning CLOCK_JUMPED "OL-1030" "the clock jumped" {
        "The wall clock moved against the monotonic clock by more than half a second."
        "Nothing is lost. A jump ahead is not followed, so timers do not fire early; after a jump back, timers fire when the clock has caught up."
        "Look at time synchronisation on this machine (chrony, systemd-timesyncd, a suspended virtual machine). If the new time is right, restart the node."
    }
    Warning DRAIN_TIMED_OUT "OL-1031" "the node stopped before all work had drained" {
        "Requests or work items were still open when `node.drain_timeout` ended."
        "Nothing acknowledged is lost: open work items are handed out again after the start. Callers whose requests were cut off do not know their outcome."
        "Nothing. Raise `node.drain_timeout` if turns and requests of this installation need longer."
    }
}
