//! `OL-5xxx`: between the nodes of a cluster.
//!
//! Of a refusal both nodes log the same code, and each says which side it was.

super::codes! { PEER_CODES
    Warning PEER_UNREACHABLE "OL-5001" "a node of the cluster cannot be reached" {
        "This node knows another one and its address, and no connection came about. The message has the address and the reason."
        "Nothing is lost. Partitions go on as long as a majority of their replicas reach each other; this node tries again at least every two seconds."
        "Look whether the other node runs, whether the address is right as seen from this machine, and whether a firewall lets its peer port (`peers.listen`) through."
    }
    Warning PEER_LOST "OL-5002" "the session with a node has ended" {
        "The connection to another node broke, or nothing was heard over it for `peers.silence_max`."
        "Nothing is lost: what was on its way is sent again or asked for again. A new session is tried at once."
        "If the other node was stopped: nothing. Otherwise look at its log and at the network between the two."
    }
    Error PEER_NOT_TRUSTED "OL-5010" "the certificate of a node is not of this cluster's authority" {
        "Two nodes met, and the certificate of one of them was not signed by the authority that the other one trusts; or it showed none."
        "They do not speak with each other. Nothing was changed."
        "The nodes belong to different clusters, or one has files of another in `DATA_DIR/cluster`. Correct the address that leads to the wrong cluster, or join the node to this one."
    }
    Error PEER_CLOCK "OL-5011" "a certificate is not good at this time" {
        "The certificate of a node is expired or not valid yet, by the clock of the node that looked at it."
        "The two nodes do not speak with each other. Nothing was changed."
        "Check the clock on both machines: certificates are good from an hour before they are made, for ten years. If a clock was wrong, the nodes meet again by themselves once it is right."
    }
    Error PEER_OTHER_CLUSTER "OL-5012" "a node belongs to another cluster" {
        "Two nodes met whose cluster ids differ. The message has both."
        "They do not speak with each other. Nothing was changed."
        "Correct the address that leads to the wrong cluster. A data directory of one cluster cannot be moved to another."
    }
    Error PEER_OTHER_NODE "OL-5013" "another node answered than was meant" {
        "A node says that it has one number, and its certificate or its address in the catalog says another one."
        "The two nodes do not speak with each other. Nothing was changed."
        "Correct the node's address (`peers.advertise`), or put back its own files into `DATA_DIR/cluster`."
    }
    Error PEER_VERSION "OL-5014" "two nodes have no version of the protocol in common" {
        "Two nodes of one cluster met whose programs are too far apart. The message has the versions of both."
        "They do not speak with each other. Nothing was changed; partitions go on as long as a majority of their replicas understand each other."
        "Bring the older node to a later version of the program. Versions next to each other work together."
    }
    Error PEER_TWICE "OL-5015" "two processes say that they are the same node" {
        "A node has a session with one process of another node, and a second process with the same identity came."
        "The second one is refused for as long as the first lives. Nothing was changed. After a crash of the machine this can be seen for a moment, until the first session is given up."
        "If two are running, stop the one with the copied data directory and never start it again: a copy has promised things that the other does not know of. Give it an empty data directory and let it join as a new node."
    }
    Error PEER_NONSENSE "OL-5016" "somebody does not speak the protocol between nodes" {
        "Bytes came to or from the peer port that no node says: another protocol, a message that is too long, or one that cannot be read."
        "That connection was closed. Nothing was changed."
        "Look who connects to the peer port: a scanner, a health check or a wrong address. Only nodes belong there."
    }
    Error PEER_REMOVED "OL-5017" "a node that was removed wants to take part" {
        "A node connected that was taken out of the cluster for good. Its number is never used again."
        "The others do not speak with it. Nothing was changed."
        "Stop it. To use the machine again, give it an empty data directory and let it join as a new node."
    }
    Error JOIN_TOKEN_INVALID "OL-5020" "a join token is not good" {
        "A node asked to join with a token that is mistyped, was never made here, or has been used by another node."
        "It was not let in. Nothing was changed."
        "Make a new one with `outlast cluster token` in the data directory of a node that has the authority's key; each token is for one node."
    }
    Error JOIN_TOKEN_EXPIRED "OL-5021" "a join token has expired" {
        "A node asked to join with a token whose time is over, by the clock of the node that looked at it."
        "It was not let in. Nothing was changed."
        "Make a new one with `outlast cluster token`, and check the clocks of both machines if it should still be good."
    }
    Error IDENTITY_EXISTS "OL-5022" "the data directory belongs to a cluster already" {
        "`outlast cluster init` or `--join` was given a data directory whose node is part of a cluster. The message names both."
        "Nothing was changed. The directory stays what it is."
        "To start the node as it is, leave out `--join`. To make a new node, use an empty data directory: an identity is never used twice."
    }
    Error IDENTITY_UNUSABLE "OL-5023" "the identity of the node cannot be used" {
        "A file in `DATA_DIR/cluster` is missing, cannot be read or written, or does not fit the others. The message names it."
        "Nothing was started or changed."
        "Put the file back from a backup of the same directory. If it is gone for good, remove the node from the cluster and join with an empty data directory."
    }
    Error NO_IDENTITY "OL-5024" "the data directory belongs to no cluster" {
        "A command about a cluster was given the data directory of a node that is in none, or that does not have the authority's key."
        "Nothing was changed."
        "`outlast cluster init` makes the node in the directory the first one of a cluster; tokens are made where that was done."
    }
    Error JOIN_REFUSED "OL-5025" "the cluster did not let the node in" {
        "The token was good, and the node was not admitted: its name is taken or not allowed, its address cannot be one, or the catalog did not answer. The message says which."
        "Nothing was changed that a repeat would not find again; the token is still good for this node."
        "Correct what the message names and join again with the same token."
    }
    Error JOIN_DATA_EXISTS "OL-5026" "the data directory holds the data of another life" {
        "`--join` was given a data directory in which a node has already run by itself."
        "Nothing was changed. What is in it would contradict what the cluster keeps."
        "Join with an empty data directory. To keep the data, let it become a cluster of its own: `outlast cluster init`."
    }
    Error DATA_GONE "OL-5027" "the data of a node is gone and its identity is still there" {
        "`DATA_DIR/cluster` says that the node has run, and the node log beside it does not exist: a disk was wiped or replaced, or files were moved."
        "The node did not start. With an empty log it would take part as if it had never promised anything, and what others rely on could be lost."
        "If the data is elsewhere, put it back. Otherwise remove the node from the cluster, and join as a new one with an empty data directory."
    }
    Error NODE_REFUSED "OL-5030" "the catalog does not take what a node says of itself" {
        "A node has told the catalog its name, address and domains, and the catalog said no: another node has the name, the node was removed, or something is not allowed. The log line says which."
        "The node runs as the catalog knew it before; others may not reach it where it is now."
        "Correct the setting that the log line names and start the node again. A node that was removed joins anew with an empty data directory."
    }
    Warning CATALOG_SILENT "OL-5031" "the catalog is not heard" {
        "No leader of the catalog answers this node: too many of the nodes that hold it are down, or cannot be reached from here."
        "Hubs go on as they are; none can be created or changed, and no node can join. What is shown of hubs is what was heard last, with the time of that."
        "`outlast node list` and the log say which nodes have no session with this one. Bring them back, or the network."
    }
    Warning PARTITION_LEADERLESS "OL-5032" "partitions have no leader" {
        "This node hears of nobody who leads some partitions of a hub: an election is under way, or too many of their replicas are down."
        "Requests for these partitions wait up to 15 seconds for a leader and are refused then, with nothing changed. Nothing acknowledged is lost."
        "An election takes a second or two. If it lasts, `outlast partition list HUB` says on which nodes the replicas are: a majority of them has to be up."
    }
}
