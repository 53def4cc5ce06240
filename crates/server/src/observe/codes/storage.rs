//! `OL-Sxxx`: what disks do, and what the node does about it.
//!
//! The rule behind all of them: data that cannot be trusted is refused, never repaired by guessing.

super::codes! { STORAGE_CODES
    Error LOG_POISONED "OL-S001" "the log stopped after a failed sync" {
        "The disk reported an error while making the node's log durable. After that nobody can know what is on disk, so a sync is never tried twice."
        "The node takes no more work and stops. What was acknowledged before is on disk; requests that were open have an unknown outcome."
        "Check the disk (`dmesg`, SMART). If it is healthy, start the node again: it reads back what is there. If not, move the data to another disk first."
    }
    Error LOG_CORRUPT "OL-S002" "the log is corrupt" {
        "A record of the node's log that was durable before cannot be read any more, although later ones can. The message names file, position and partition."
        "The node does not run the affected partition, because going on without the record could lose acknowledged work. Others go on."
        "Run `outlast doctor` on the data directory: it reports what is damaged and does not change anything. Restore the directory from a backup, or keep it and report."
    }
    Error TABLES_CORRUPT "OL-S003" "a table is corrupt" {
        "A value in a partition's tables does not match its checksum, or the tables' file cannot be opened. The message names file and key."
        "The partition stops on this node; nothing is guessed. The log that the tables are made from may still hold everything since the last checkpoint."
        "Run `outlast doctor` on the data directory. Restore it from a backup, or keep it and report."
    }
    Error DISK_FULL "OL-S004" "the disk is full" {
        "The disk of the data directory refused to write for lack of space."
        "The node refuses new work and keeps everything it has. Reads still work."
        "Make room or enlarge the disk. The node accepts work again by itself; after a failed write it may need a restart, and says so."
    }
    Error FORMAT_UNKNOWN "OL-S005" "the data was written by another version" {
        "The data directory has a format version that this program does not know."
        "The node did not start and changed nothing."
        "Use the version of the program that wrote it or a later one; the message names both format versions."
    }
    Warning TAIL_TORN "OL-S006" "an unfinished write was cut off" {
        "The log ended in a record that was not completely written when the node or machine stopped."
        "Nothing acknowledged is lost: nobody was told yet that it was done. The record was removed."
        "Nothing. It is normal after a crash or power cut."
    }
    Error FILE_MISSING "OL-S007" "a file of the data directory is missing" {
        "A file that the log or a partition needs is not there. The message names it."
        "The node does not start with a part of its data, because the rest could contradict it."
        "Put the file back, or restore the whole directory from one backup. Never mix files of two backups."
    }
    Warning SYNC_SLOW "OL-S008" "the disk is slow" {
        "Making the log durable took longer than a second."
        "Nothing is lost; every acknowledgement waited that long."
        "Look for other load on the disk, and at `outlast_log_sync_duration_seconds` in /metrics."
    }
    Error STORAGE_REFUSED "OL-S009" "the log was asked for something impossible" {
        "A partition wanted to write records that contradict its own log."
        "Nothing was written. The partition stops on this node; others go on. Nothing acknowledged is lost."
        "This is a defect: keep the data directory as it is and report it with the log lines around this one."
    }
}
