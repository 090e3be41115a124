"""The base phrases of each kind of task. Every sixth phrase of a list is held out for evaluation.

Types: imp (imperative), q (question), iq (indirect question), np (noun phrase), raw (whole sentence).
Slots: {F} {G} files, {D} {E} folders, {K} {L} keys, {V} value, {T} {U} texts, {N} number, {C} command.
"""

PHRASES = {
    "list_folder": [
        ("imp", "list {D}"), ("imp", "list the (files|contents|entries|items) (of|in) {D}"),
        ("q", "what is in {D}"), ("imp", "show [me] (what is in|the contents of|everything in|all files in) {D}"),
        ("q", "(what|which) files (are|do we have|live|exist|can be found) in {D}"),
        ("imp", "show [me] {D}"), ("np", "(the|a) (list|listing) of (the|all) files in {D}"),
        ("iq", "(what|which) (files|things|items) are in {D}"), ("iq", "what {D} contains"),
        ("imp", "look (into|in|inside|at) {D}[ and tell me what is there]"),
        ("np", "the (contents|content|files|entries) of {D}"), ("q", "what (does|do we have in) {D} (contain|hold|have)"),
        ("imp", "(open|browse|explore|inspect) {D}"), ("q", "what's in[side] {D}"), ("raw", "ls {D}"), ("raw", "dir {D}"),
        ("q", "(what|which) (stuff|documents|items|names) (is|are) (stored|kept|located|sitting) in {D}"),
        ("imp", "(name|enumerate) (all|the|every) (files|file|items) in {D}"), ("q", "is there anything in {D}"),
        ("q", "what can I find in {D}"), ("raw", "contents of {D}[?]"), ("raw", "files in {D}[?]"),
        ("iq", "what is inside [of] {D}"), ("q", "what do I have in {D}"), ("imp", "print the names of the files in {D}"),
        ("imp", "give me an overview of {D}"), ("imp", "tell me what {D} has in it"), ("raw", "what's there in {D}?"),
        ("imp", "(go to|go into|enter) {D} and list (it|the files|everything)"), ("q", "what all is in {D}"),
    ],
    "list_root": [
        ("imp", "list the (files|contents|entries) [here]"), ("q", "what is here"), ("q", "what files (are here|are there|do we have|do I have)"),
        ("imp", "show [me] (the files|what is here|what we have|everything|all files|this folder|the workspace|the files here)"),
        ("q", "what is in (this folder|here|the workspace|the current folder|the current directory|my folder|this directory|the working directory)"),
        ("imp", "list (this folder|the workspace|the current directory|the current folder|all files|everything here|this directory)"),
        ("iq", "(what|which) files are (here|in this folder|in the workspace)"), ("raw", "ls"), ("raw", "dir"), ("q", "what's here"),
        ("imp", "look around[ and tell me what you see]"), ("q", "which (files|folders|documents) (exist|are) (here|in this workspace)"),
        ("np", "(a|the) (list|listing) of (the|all) (files|entries) (here|in this folder|in the workspace)"), ("q", "what do you see [here]"),
        ("imp", "look at (this|the current) folder"), ("q", "what have (I|we) got here"), ("raw", "files here?"), ("q", "what's in this place"),
        ("q", "what's in the (root|top) folder"), ("imp", "list the root [folder|directory]"), ("imp", "see what files we have [here]"),
    ],
    "count_files": [
        ("q", "how many files (are|are there|exist|live|do we have|do I have|can you see|can be found|sit) {IND}"),
        ("imp", "count the files {IND}"), ("np", "the number of files {IND}"), ("iq", "how many files [there] are {IND}"),
        ("q", "what is the (number|count|amount|total) of files {IND}"), ("imp", "count how many files are {IND}"),
        ("raw", "number of files {IND}[?]"), ("raw", "how many files {IND}?"), ("np", "the (total|overall|exact) (number|count) of files {IND}"),
        ("np", "(the|a) file count {IND}"), ("iq", "how many files we have {IND}"), ("imp", "(count|tally) up [all] the files {IND}"),
        ("np", "the amount of files {IND}"), ("raw", "count files {IND}"), ("q", "{IND}, how many files are there"), ("raw", "file count {IND}[?]"),
        ("imp", "say how many files (are|you find|you see) {IND}"), ("imp", "look {IND} and count the files"), ("iq", "the number of files {IND}"),
    ],
    "count_folders": [
        ("q", "how many (folders|subfolders|directories|sub-folders|subdirectories) (are|are there|exist|do we have) {IND}"),
        ("imp", "count the (folders|subfolders|directories) {IND}"), ("np", "the number of (folders|subfolders|directories|subdirectories) {IND}"),
        ("iq", "how many (folders|directories|subfolders) [there] are {IND}"), ("raw", "number of (folders|subfolders) {IND}[?]"),
        ("raw", "how many (folders|subfolders|directories) {IND}?"), ("np", "the (folder|directory) count {IND}"), ("raw", "count (folders|directories|subfolders) {IND}"),
    ],
    "count_lines": [
        ("q", "how many lines (are in|does|are there in) {F}[ have]"), ("q", "how many lines does {F} (have|contain|hold)"),
        ("imp", "count the lines (in|of) {F}"), ("np", "the (number of lines|line count) (in|of) {F}"), ("iq", "how many lines {F} has"),
        ("q", "how long is {F}[ in lines]"), ("iq", "how many lines are in {F}"), ("np", "the length of {F} in lines"),
        ("raw", "number of lines in {F}[?]"), ("raw", "line count of {F}[?]"), ("q", "what is the number of lines in {F}"),
        ("imp", "count how many lines {F} has"), ("raw", "how many lines in {F}?"), ("raw", "lines in {F}?"), ("raw", "wc -l {F}"),
        ("q", "{F} has how many lines"), ("iq", "how long {F} is, in lines"), ("np", "the total [number] of lines in {F}"),
        ("np", "the amount of lines in {F}"), ("raw", "how long is {F}?"), ("imp", "measure the length of {F} in lines"), ("raw", "count lines {F}"),
    ],
    "read_value": [
        ("q", "what is the {K} in {F}"), ("q", "what {K} is (set|given|used|stored|written|defined|listed|mentioned) in {F}"),
        ("np", "the {K} (from|in|given in|set in|stored in|in the file) {F}"), ("np", "the value of {K} (in|from) {F}"),
        ("iq", "what the {K} in {F} is"), ("q", "what does {F} say about [the] {K}"), ("imp", "read [the] {K} (from|in|out of) {F}"),
        ("imp", "look up [the] {K} in {F}"), ("q", "which {K} (does {F} (have|use|give|name|say|list)|is in {F})"), ("imp", "(open|read|check|look at|look in) {F} and tell me the {K}"),
        ("q", "what value does {K} have in {F}"), ("q", "what is {K} [set to] in {F}"), ("raw", "{K} in {F}[?]"), ("raw", "{F}: what is the {K}?"),
        ("iq", "which {K} {F} (has|uses|gives)"), ("imp", "(find|get|fetch|extract) [the] {K} (in|from) {F}"), ("np", "{K} (from|in) {F}"),
        ("q", "according to {F}, what is the {K}"), ("raw", "in {F}, what is the {K}?"), ("q", "what's the {K} (according to|as per|per|in) {F}"),
        ("iq", "what {K} is set to in {F}"), ("q", "how is {K} set in {F}"), ("imp", "use {F} to find the {K}"), ("raw", "{K}? it is in {F}"),
        ("raw", "I need the {K}, it (should be|is) in {F}"), ("raw", "there is a {K} in {F}, what is it?"), ("np", "the {K} entry (in|of) {F}"),
        ("np", "{F}'s {K}"), ("imp", "see what {K} is in {F}"), ("q", "the {K} in {F} is what"), ("raw", "what does {F} give as [the] {K}?"),
        ("np", "the {K} (value|setting|field) (in|from|of) {F}"), ("q", "what did we (put|write|set) as [the] {K} in {F}"), ("iq", "what {F} says about [the] {K}"),
        ("q", "can you see the {K} in {F}"), ("q", "what's {K} in {F}"), ("q", "do you find a {K} in {F}"), ("raw", "look for {K} in {F} and report its value"),
    ],
    "show_file": [
        ("imp", "show [me] {F}"), ("imp", "(print|display|output) {F}"), ("imp", "show [me] the (contents|content|text) of {F}"), ("q", "what (is|does it say) in {F}"),
        ("q", "what does {F} (say|contain|hold)"), ("raw", "cat {F}"), ("imp", "read {F}"), ("imp", "read {F} (to me|aloud|out|and tell me what it says)"), ("np", "the (contents|content|text) of {F}"),
        ("q", "what is written in {F}"), ("iq", "what {F} says"), ("iq", "what is in {F}"), ("imp", "open {F}"), ("raw", "what's in {F}?"), ("q", "what's inside {F}"), ("imp", "print the contents of {F}"),
        ("imp", "(open|read) {F} and (show me|tell me) what is (in it|there)"), ("raw", "contents of {F}[?]"), ("q", "what text is in {F}"), ("imp", "display the (content|contents|text) of {F}"), ("q", "what does it say in {F}"),
    ],
    "read_line": [
        ("q", "what is (on|in) line {N} of {F}"), ("np", "line {N} of {F}"), ("imp", "(read|show|print) [me] line {N} of {F}"), ("q", "what does line {N} of {F} say"),
        ("np", "the {NTH} line of {F}"), ("q", "what is the {NTH} line (of|in) {F}"), ("iq", "what line {N} of {F} says"), ("raw", "line {N} (of|in) {F}[?]"), ("imp", "show [me] the {NTH} line (of|in) {F}"),
        ("np", "line number {N} of {F}"), ("raw", "in {F}, what does line {N} say?"), ("q", "what's on line {N} in {F}"), ("imp", "read the {NTH} line (of|from|in) {F}"), ("q", "what (stands|is written) on line {N} of {F}"),
        ("raw", "{F} line {N}"), ("raw", "{F}, line {N}[ please]"), ("np", "the text (on|in) line {N} of {F}"), ("np", "the content of line {N} in {F}"),
    ],
    "first_line": [
        ("np", "the first line (of|in) {F}"), ("q", "what is the first line (of|in) {F}"), ("imp", "(read|show|print) [me] the first line (of|from|in) {F}"), ("q", "how does {F} (start|begin)"), ("iq", "what the first line of {F} says"),
        ("q", "what does the first line of {F} say"), ("raw", "first line of {F}[?]"), ("q", "what does {F} (start|begin) with"), ("np", "the (top|opening) line of {F}"), ("raw", "head -n 1 {F}"), ("q", "what is at the (top|beginning|start) of {F}"),
    ],
    "last_line": [
        ("np", "the (last|final) line (of|in) {F}"), ("q", "what is the (last|final) line (of|in) {F}"), ("imp", "(read|show|print) [me] the last line (of|from|in) {F}"), ("q", "how does {F} end"), ("iq", "what the last line of {F} says"),
        ("q", "what does the (last|final) line of {F} say"), ("raw", "last line of {F}[?]"), ("q", "what does {F} end with"), ("np", "the (bottom|closing|very last) line of {F}"), ("raw", "tail -n 1 {F}"), ("q", "what is at the (end|bottom) of {F}"),
    ],
    "find_file": [
        ("q", "(which|what) file (contains|mentions|has|includes|holds) {T}"), ("q", "where (is|does) {T} (mentioned|written|stored|found|used|located)"), ("imp", "find the file (that contains|with|that mentions|containing|mentioning|that has) {T}"),
        ("q", "in which file (is|can I find|do I find) {T}"), ("iq", "which file (contains|mentions|has) {T}"), ("np", "the (name of the |)file (that contains|with|containing|mentioning) {T}"), ("imp", "(search|look) for {T}"), ("imp", "search (the|all|my) files for {T}"),
        ("q", "where is {T}"), ("q", "(which|what) (file|document) (is|was) {T} in"), ("imp", "locate {T}"), ("raw", "which file has {T}?"), ("raw", "where did (I|we) (write|mention|put) {T}?"), ("iq", "where {T} is (mentioned|written|stored)"),
        ("raw", "grep {T}"), ("imp", "find {T}[ in (the|my) files]"), ("q", "where can I find {T}"), ("q", "does any file (mention|contain) {T}"), ("raw", "file with {T}[?]"), ("q", "is {T} (mentioned|written) anywhere"), ("raw", "{T} is in which file?"),
        ("q", "where (does|do) {T} (appear|occur|show up|come up)"), ("raw", "I am looking for the file that (mentions|contains|has) {T}"), ("q", "what's the file that (mentions|contains|has) {T}"), ("imp", "tell me where {T} (appears|occurs|is)"), ("q", "which of (the|my) files (mentions|contains|talks about) {T}"),
        ("imp", "find out where {T} is"), ("q", "what file (do I look in for|should I open for) {T}"),
    ],
    "find_file_in": [
        ("q", "(which|what) file in {D} (contains|mentions|has|includes) {T}"), ("q", "where in {D} is {T} [mentioned]"), ("imp", "(search|look) in {D} for {T}"), ("imp", "search {D} for {T}"), ("imp", "find {T} in {D}"),
        ("imp", "find the file in {D} (that contains|with|that mentions|containing) {T}"), ("q", "in which file (of|in) {D} is {T}"), ("iq", "which file in {D} (contains|mentions|has) {T}"), ("raw", "which file in {D} has {T}?"), ("raw", "grep {T} in {D}"), ("q", "which of the files in {D} (mentions|contains) {T}"), ("np", "the file in {D} that (has|contains|mentions) {T}"),
    ],
    "count_matches": [
        ("q", "how many lines (contain|mention|have|include) {T}"), ("q", "how often (is|does) {T} (mentioned|appear|occur|used)[ in the files]"), ("imp", "count the lines (with|that contain|containing|that mention) {T}"), ("np", "the number of lines (with|containing|that contain|that mention) {T}"),
        ("q", "how many times (does|is) {T} (appear|mentioned|occur|come up)"), ("iq", "how many lines (contain|mention) {T}"), ("raw", "how many lines with {T}?"), ("np", "the number of (matches|hits|occurrences) (for|of) {T}"), ("imp", "count the (matches|hits|occurrences) (for|of) {T}"),
        ("q", "how many (matches|hits) (are there|do you find|do we have) for {T}"), ("iq", "how often {T} (appears|occurs|is mentioned)"), ("raw", "count {T}"), ("np", "the count of lines with {T}"), ("imp", "count how often {T} (appears|occurs|comes up)"), ("raw", "number of lines with {T}[?]"), ("q", "on how many lines (is|does) {T}[ appear]"),
    ],
    "count_matches_in": [
        ("q", "how many lines (of|in) {F} (contain|mention|have|include) {T}"), ("q", "how often (is|does) {T} (mentioned|appear|occur|used) in {F}"), ("imp", "count the lines (with|that contain|containing) {T} in {F}"), ("np", "the number of lines (with|containing|that contain) {T} in {F}"),
        ("q", "how many times (does|is) {T} (appear|mentioned|occur|come up) in {F}"), ("iq", "how many lines (in|of) {F} (contain|mention) {T}"), ("raw", "how many lines with {T} in {F}?"), ("imp", "count {T} in {F}"), ("imp", "count how often {T} (appears|occurs) in {F}"), ("np", "the number of (matches|hits|occurrences) (for|of) {T} in {F}"), ("iq", "how often {T} (appears|occurs) in {F}"), ("raw", "in {F}, how many lines (have|contain|mention) {T}?"),
    ],
    "line_number": [
        ("q", "(on|in) (which|what) line (of|in) {F} is {T}"), ("q", "which line of {F} (contains|mentions|has|says) {T}"), ("np", "the line number of {T} in {F}"), ("imp", "find the line (of|in) {F} (that contains|with|that mentions) {T}"), ("iq", "which line of {F} (contains|has|mentions) {T}"), ("q", "where in {F} is {T}"),
        ("q", "what (line|line number) is {T} (on|at) in {F}"), ("raw", "line number of {T} in {F}[?]"), ("imp", "find {T} in {F}[ and tell me the line]"), ("iq", "(on|in) (which|what) line {T} is in {F}"), ("q", "(on|in) (which|what) line does {T} (appear|occur|stand|show up) in {F}"), ("raw", "{T} is on which line of {F}?"), ("imp", "search {F} for {T} and give me the line number"),
        ("raw", "in {F}, (which|what) line (has|contains|mentions) {T}?"), ("q", "where does {T} (appear|occur|come) in {F}"), ("np", "the line (of|in) {F} where {T} (is|appears|occurs)"), ("imp", "(tell|show) me the number of the line (with|containing) {T} in {F}"), ("imp", "locate {T} in {F}"),
    ],
    "find_then_read": [
        ("imp", "find the file (that mentions|that contains|with|about|containing) {T} and tell me (its|the) {K}"), ("q", "what is the {K} in the file (that mentions|that contains|with|containing) {T}"), ("imp", "(search|look) for {T} and (read|tell me|give me|report) the {K} (of|from|in) that file"), ("np", "the {K} (from|in|of) the file (that mentions|that contains|with|containing) {T}"),
        ("raw", "one file mentions {T}. what is (its|the) {K}?"), ("iq", "what the {K} is in the file (that has|with|mentioning) {T}"), ("raw", "some file (mentions|contains|has) {T}, (what is|tell me|give me) the {K} in it"), ("imp", "look up the {K} in (whichever|the) file (contains|that contains|mentions|that mentions) {T}"), ("raw", "which file mentions {T}, and what is its {K}?"), ("imp", "search for {T}, open the file and tell me the {K}"),
        ("raw", "there is a file (with|that mentions|about) {T}; what {K} does it (have|give|say)?"), ("imp", "(get|read|find) the {K} from the file where {T} (is mentioned|appears|is written)"), ("raw", "find {T}, then read the {K} there"), ("raw", "I don't know which file has {T}, but I need its {K}"), ("q", "what {K} does the file (with|mentioning|containing) {T} (have|give|list|show)"),
        ("imp", "find which file (has|mentions|contains) {T}, then (say|tell me|report) its {K}"), ("imp", "locate the file (containing|mentioning|with) {T} and (read|report|give) (its|the) {K}"),
    ],
    "sum_two_keys": [
        ("q", "what is the (sum|total) of [the] {K} and [the] {L} in {F}"), ("imp", "add [the] {K} and [the] {L} (in|from|of) {F}"), ("np", "the (sum|total) of {K} and {L} (in|from) {F}"), ("q", "what do {K} and {L} (in|from) {F} (add up to|sum to|make together)"), ("imp", "(sum|add up|total) {K} and {L} (from|in) {F}"),
        ("q", "how much (are|is) {K} plus {L} in {F}"), ("raw", "{K} plus {L} from {F}[?]"), ("imp", "read {F} and add {K} and {L}"), ("iq", "what {K} plus {L} in {F} (is|makes)"), ("q", "how much are {K} and {L} together in {F}"), ("raw", "{K} + {L} in {F}?"), ("imp", "calculate the (sum|total) of {K} and {L} in {F}"), ("imp", "compute {K} plus {L} (using|with) the values in {F}"), ("raw", "in {F} there are {K} and {L}, what is their sum?"),
    ],
    "difference_two_keys": [
        ("q", "what is the difference between [the] {K} and [the] {L} in {F}"), ("imp", "subtract [the] {L} from [the] {K} in {F}"), ("q", "what is {K} minus {L} in {F}"), ("raw", "{K} minus {L} from {F}[?]"), ("imp", "calculate {K} minus {L} (from|in) {F}"), ("q", "how much (larger|bigger|more|higher) is {K} than {L} in {F}"), ("np", "the difference of {K} and {L} (in|from) {F}"), ("imp", "take {L} away from {K} in {F}"), ("raw", "{K} - {L} in {F}?"),
    ],
    "product_two_keys": [
        ("q", "what is the product of [the] {K} and [the] {L} in {F}"), ("imp", "multiply [the] {K} (by|with|and) [the] {L} (in|from) {F}"), ("q", "what is {K} times {L} in {F}"), ("raw", "{K} times {L} from {F}[?]"), ("imp", "calculate {K} (times|multiplied by) {L} (from|in|using) {F}"), ("np", "the product of {K} and {L} (in|from) {F}"), ("imp", "read {F} and multiply {K} by {L}"), ("raw", "{K} * {L} in {F}?"), ("imp", "compute the product of {K} and {L} in {F}"),
    ],
    "sum_two_files": [
        ("q", "what is the (sum|total) of the {K} in {F} and the {K} in {G}"), ("imp", "add the {K} (in|from|of) {F} (to|and) the {K} (in|from|of) {G}"), ("np", "the (sum|total) of the {K} values in {F} and {G}"), ("q", "what is the total {K} (of|in|from) {F} and {G}"), ("imp", "add up the {K} (of|in|from) {F} and {G}"), ("q", "how much is the {K} of {F} plus the {K} of {G}"), ("imp", "sum the {K} (in|of|from) {F} and {G}"),
        ("raw", "{F} and {G} both have a {K}. what is the sum?"), ("imp", "read {F} and {G} and add their {K} values"), ("np", "the {K} of {F} and {G} added together"), ("raw", "{K} from {F} plus {K} from {G}[?]"), ("q", "what do the {K} values in {F} and {G} add up to"), ("q", "what is the combined {K} of {F} and {G}"), ("imp", "compute the combined {K} of {F} and {G}"), ("np", "the combined {K} (in|from|of) {F} and {G}"),
    ],
    "difference_two_files": [
        ("q", "what is the difference between the {K} in {F} and the {K} in {G}"), ("q", "how much (larger|bigger|higher|more) is the {K} in {F} than (in|the one in|that in) {G}"), ("imp", "subtract the {K} (in|of) {G} from the {K} (in|of) {F}"), ("np", "the difference (of|between) the {K} values in {F} and {G}"), ("raw", "{K} in {F} minus {K} in {G}[?]"), ("imp", "compute the {K} of {F} minus the {K} of {G}"), ("q", "what is the {K} of {F} minus the {K} of {G}"),
    ],
    "write_file": [
        ("imp", "write {T} (to|into|in) {F}"), ("imp", "create {NF} with the (text|content|line|words) {T}"), ("imp", "create {NF} (containing|that contains|that says|with) {T}"), ("imp", "save {T} (to|in|into|as) {F}"), ("imp", "put {T} (in|into) {F}"), ("imp", "make {NF} (with the text|that says|with|containing|saying) {T}"),
        ("imp", "store {T} in {F}"), ("raw", "{F} should (contain|say) {T}"), ("imp", "write {F} with the (text|content) {T}"), ("imp", "create {NF} and (put|write) {T} (in it|into it|inside)"), ("raw", "new file {F} with {T}"), ("raw", "I need {NF} (that says|with|containing) {T}"), ("imp", "write the (text|words|line|sentence) {T} (to|into) {F}"), ("imp", "(start|add) {NF} with {T} in it"),
        ("imp", "fill {F} with {T}"), ("imp", "set the (content|contents|text) of {F} to {T}"), ("imp", "generate {NF} with the (content|text) {T}"), ("imp", "overwrite {F} with {T}"), ("imp", "make {F} (say|contain) {T}"), ("imp", "drop {T} into {NF}"), ("imp", "(produce|prepare) {NF} that (says|contains|reads) {T}"), ("raw", "there should be {NF} with the text {T}"), ("imp", "create {NF} with {T} as (its|the) content"), ("imp", "create {NF}; content: {T}"), ("raw", "echo {T} > {F}"), ("imp", "save the (text|string|words|line) {T} (in|as|to) {F}"),
    ],
    "write_file_end": [
        ("imp", "write (to|into) {F}: {R}"), ("imp", "create {NF} with (this|the following) (text|content|line): {R}"), ("imp", "save (this|the following) (to|in|as) {F}: {R}"), ("imp", "put (this|the following) (in|into) {F}: {R}"), ("imp", "write {F} with this content: {R}"), ("imp", "make {NF} with the text: {R}"), ("imp", "write this (line|text|sentence) to {F}: {R}"), ("raw", "new file {F}: {R}"),
    ],
    "replace_text": [
        ("imp", "replace {T} (by|with) {U} in {F}"), ("imp", "change {T} (to|into) {U} in {F}"), ("imp", "in {F}, (replace|swap) {T} (by|with) {U}"), ("imp", "in {F}, change {T} to {U}"), ("imp", "edit {F}: (replace|change) {T} (by|with|to) {U}"), ("imp", "edit {F} so that {T} becomes {U}"), ("imp", "(swap|substitute) {T} (for|with|by) {U} in {F}"), ("raw", "{F} says {T}, (make it|change it to|it should be|it should say) {U}"),
        ("raw", "{T} in {F} should be {U}"), ("raw", "in {F} {T} must become {U}"), ("imp", "rewrite {T} as {U} in {F}"), ("imp", "(open|edit) {F} and (replace|change|swap) {T} (with|to) {U}"), ("imp", "turn {T} into {U} in {F}"), ("raw", "{T} -> {U} in {F}"), ("imp", "update {F}: {T} should become {U}"), ("imp", "correct {T} to {U} in {F}"), ("imp", "fix {F}, it should say {U} instead of {T}"), ("imp", "put {U} in place of {T} in {F}"), ("imp", "use {U} instead of {T} in {F}"), ("raw", "there is a mistake in {F}: {T} should be {U}"), ("imp", "make {T} in {F} (say|read|be) {U}"), ("imp", "modify {F}, changing {T} to {U}"), ("raw", "I want {U} instead of {T} in {F}"),
        ("imp", "replace the (word|text|phrase) {T} in {F} (with|by) {U}"), ("imp", "change the (word|text) {T} in {F} to {U}"), ("imp", "exchange {T} for {U} in {F}"), ("raw", "s/{T}/{U}/ in {F}"),
    ],
    "copy_value": [
        ("imp", "copy the {K} from {F} (to|into|in) {G}"), ("imp", "read the {K} (in|from) {F} and (write|save|put|store) it (to|in|into) {G}"), ("imp", "write the {K} (from|of|in) {F} (to|into) {G}"), ("imp", "save the {K} (from|of|given in) {F} (to|in|as|into) {G}"), ("imp", "take the {K} (from|in|out of) {F} and (write|save|put) it (to|in|into) {G}"), ("imp", "put the {K} (from|of) {F} (in|into) {G}"), ("imp", "create {NG} with the {K} (from|of) {F}"), ("imp", "(extract|get|grab|find) the {K} (from|in) {F} and (save|store|write) it (in|to|into) {G}"), ("raw", "{G} should contain the {K} from {F}"), ("imp", "look up {K} in {F} and write it to {G}"),
        ("imp", "make {NG} that holds the {K} from {F}"), ("imp", "store the value of {K} from {F} in {G}"), ("imp", "write only the {K} of {F} into {NG}"), ("raw", "I need the {K} from {F} in {NG}"), ("imp", "transfer the {K} (from|of) {F} (to|into) {G}"), ("imp", "put the value of {K} in {F} into {G}"),
    ],
    "set_value": [
        ("imp", "set [the] {K} in {F} to {V}"), ("imp", "change [the] {K} in {F} to {V}"), ("imp", "in {F}, (set|change) [the] {K} to {V}"), ("imp", "update [the] {K} in {F} to {V}"), ("raw", "the {K} in {F} should be {V}"), ("imp", "make [the] {K} in {F} {V}"), ("imp", "edit {F} (so that|and set|and change) the {K} (is|to) {V}"), ("imp", "change the value of {K} in {F} to {V}"), ("raw", "{F}: set {K} to {V}"), ("raw", "new {K} for {F}: {V}"), ("imp", "use {V} as the {K} in {F}"), ("imp", "(open|edit) {F} and set {K} to {V}"), ("imp", "give {K} the value {V} in {F}"), ("raw", "I want the {K} in {F} to be {V}"), ("imp", "(adjust|modify) [the] {K} in {F} to {V}"), ("imp", "set {K} to {V} in {F}"),
        ("imp", "change {K} to {V} in {F}"), ("imp", "update {F} with {K} {V}"), ("raw", "{K} in {F} must (become|be) {V}"), ("imp", "switch the {K} in {F} to {V}"), ("imp", "put {V} as {K} in {F}"), ("raw", "the {K} has changed to {V}, update {F}"), ("imp", "replace the {K} in {F} (by|with) {V}"), ("imp", "edit the {K} in {F}: it is {V} now"),
    ],
    "append_line": [
        ("imp", "(append|add) [the line] {T} to [the end of] {F}"), ("imp", "add {T} (at the end of|at the bottom of|as the last line of) {F}"), ("imp", "add a (line|new line) {T} to {F}"), ("imp", "(put|write) {T} at the (end|bottom) of {F}"), ("imp", "append a line (that says|saying|with) {T} to {F}"), ("raw", "{F} (needs|should get) (a|one more|another) line: {R}"), ("imp", "append {T} to {F}"), ("imp", "add another line to {F}: {R}"), ("imp", "add the (item|entry|line|text) {T} to {F}"), ("imp", "extend {F} with the line {T}"),
    ],
    "find_then_edit": [
        ("imp", "find the file (that contains|with|that mentions|containing) {T} and (replace|change) (it|{T}) (by|with|to) {U}"), ("raw", "some file (says|contains|mentions) {T}. (change|replace) it (to|by|with) {U}"), ("imp", "(search|look) for {T} and (change|replace) it (to|with) {U}"), ("raw", "change {T} to {U}, I don't know in which file"), ("raw", "{T} should be {U}, find the file and fix it"), ("imp", "find {T} in (my|the) files and replace it (with|by) {U}"), ("imp", "replace {T} (with|by) {U} wherever it is"), ("raw", "one of (the|my) files (mentions|has|contains) {T}, make it {U}"), ("imp", "locate {T} and change it to {U}"),
    ],
    "arithmetic": [
        ("q", "what is {X}"), ("imp", "(calculate|compute|work out|evaluate|solve) {X}"), ("raw", "{X}[?]"), ("raw", "{X} = ?"), ("q", "how much is {X}"), ("np", "the (result|value) of {X}"), ("raw", "what does {X} (make|give|equal|come to)?"), ("iq", "what {X} is"), ("raw", "{X} is what?"), ("q", "what's {X}"), ("imp", "do the math: {X}"), ("iq", "how much {X} is"), ("raw", "{X} equals?"), ("np", "{X}"), ("imp", "do this sum for me: {X}"), ("q", "what do you get for {X}"), ("raw", "result of {X}?"), ("np", "the answer to {X}"), ("q", "how much would {X} be"),
    ],
    "save_result": [
        ("imp", "calculate {X} and (write|save|put|store) (it|the result|the answer|the value) (to|in|into) {F}"), ("imp", "(write|save|put|store) the (result|value|answer) of {X} (to|in|into) {F}"), ("imp", "compute {X} and (save|write) (the result|it) (to|as|in) {F}"), ("raw", "what is {X}? (write|save|put) the (answer|result) (to|in|into) {F}"), ("imp", "create {NF} with the result of {X}"), ("imp", "work out {X} and put (it|the result) in {F}"), ("raw", "I need the result of {X} in {NF}"), ("imp", "write what {X} (is|makes) (to|into) {F}"), ("imp", "save {X}, calculated, (to|in) {F}"),
    ],
    "count_save": [
        ("imp", "count the lines (in|of) {F} and (write|save|put|store) the (number|count|result) (to|in|into) {G}"), ("imp", "write the number of lines (in|of) {F} (to|into) {G}"), ("imp", "save the line count of {F} (to|in) {G}"), ("raw", "how many lines does {F} have? (write|save|put) the number (to|in|into) {G}"), ("imp", "put the number of lines of {F} (in|into) {G}"), ("imp", "create {NG} with the line count of {F}"), ("imp", "store how many lines {F} has in {G}"),
    ],
    "run_command": [
        ("imp", "run {C}"), ("imp", "(execute|start|launch) {C}"), ("imp", "run the command {C}"), ("imp", "run {C} (and tell me the output|and show me the output|and tell me what it prints|in the shell)"), ("q", "what does {C} (print|output|say|return|show|give)"), ("np", "the output of {C}"), ("imp", "use the shell to run {C}"), ("raw", "shell: {C}"), ("raw", "$ {C}"), ("q", "what is the output of {C}"), ("imp", "call {C} in the shell"), ("imp", "try {C}"), ("imp", "(execute|run) this [command]: {C}"), ("iq", "what {C} (prints|outputs|returns)"), ("q", "what happens if you run {C}"), ("imp", "run {C} and report the (result|output)"), ("imp", "type {C} in the terminal"),
    ],
    "run_script": [
        ("imp", "run the script {S}"), ("imp", "run {S}"), ("imp", "(execute|start|launch) {S}"), ("imp", "(execute|start) the script {S}"), ("imp", "run {S} and tell me (the output|what it prints|what it says)"), ("q", "what does the script {S} print"), ("np", "the output of [the script] {S}"), ("q", "what happens when (you|I) run {S}"), ("imp", "run the shell script {S}"), ("imp", "call the script {S}"), ("q", "what does {S} print [when it runs|when you run it]"), ("imp", "try running {S}"), ("imp", "start the program {S}"),
    ],
    "delete_file": [("imp", "(delete|remove|erase) {F}"), ("imp", "get rid of {F}"), ("raw", "rm {F}"), ("raw", "{F} can go, (delete|remove) it"), ("raw", "I don't need {F} any more, (delete|remove) it"), ("imp", "throw {F} away"), ("raw", "{F} (must|should|has to) be (deleted|removed)")],
    "rename_file": [("imp", "rename {F} to {G}"), ("imp", "move {F} to {G}"), ("imp", "change the name of {F} to {G}"), ("raw", "mv {F} {G}"), ("raw", "{F} should be called {G}[ instead]"), ("imp", "rename {F} as {G}"), ("imp", "give {F} the (new |)name {G}")],
    "copy_file": [("imp", "copy {F} to {G}"), ("imp", "make a copy of {F} (called|named|as) {G}"), ("imp", "duplicate {F} as {G}"), ("raw", "cp {F} {G}"), ("imp", "create a copy of {F} (named|called) {G}"), ("imp", "back up {F} (as|to) {G}")],
    "make_folder": [("imp", "(create|make) a [new] (folder|directory) (called|named) {E}"), ("imp", "create the (folder|directory) {E}"), ("raw", "mkdir {E}"), ("raw", "new folder {E}"), ("raw", "I need a folder (called|named) {E}"), ("imp", "(make|create) a (folder|directory) {E}"), ("imp", "add a folder (called|named) {E}")],
    "remember": [
        ("imp", "remember that {R}"), ("imp", "remember: {R}"), ("imp", "note that {R}"), ("imp", "(keep|make|take) a note: {R}"), ("imp", "(keep|make|take) a note that {R}"), ("raw", "don't forget that {R}"), ("imp", "keep in mind that {R}"), ("imp", "remember this: {R}"), ("raw", "for later: {R}"), ("imp", "save (this|a) note: {R}"), ("imp", "please note: {R}"), ("imp", "store this fact: {R}"), ("imp", "memorize that {R}"), ("raw", "{R}, remember that"), ("raw", "{R}. (remember|note|keep) (that|this|it)[ for later]"), ("imp", "write down in your notes that {R}"), ("imp", "make sure to remember that {R}"), ("raw", "you should know that {R}, keep it in mind"), ("imp", "add to your notes: {R}"), ("imp", "remember for (next time|later|me): {R}"), ("imp", "remember for (next time|later|me) that {R}"), ("raw", "note to self: {R}"), ("raw", "never forget that {R}"), ("imp", "keep this for later: {R}"), ("imp", "note down that {R}"), ("imp", "jot down that {R}"),
    ],
    "recall": [
        ("q", "what did I (say|tell you|note) about [the] {W}"), ("q", "what do you (know|remember) about [the] {W}"), ("imp", "recall what I (said|told you|noted) about [the] {W}"), ("q", "do you remember (anything|something) about [the] {W}"), ("imp", "look in your notes for [the] {W}"), ("q", "is there a note about [the] {W}"), ("np", "(the|my|your) note[s] about [the] {W}"), ("imp", "check your (notes|memory) (for|about) [the] {W}"), ("q", "what do (your|the) notes say about [the] {W}"), ("imp", "tell me what you (remember|know) about [the] {W}"), ("q", "what have I told you about [the] {W}"), ("raw", "any notes (on|about) [the] {W}?"), ("imp", "search your (notes|memory) for [the] {W}"), ("q", "did I (mention|tell you) (anything|something) about [the] {W}"), ("imp", "remind me (of|about) [the] {W}"), ("q", "what was that about [the] {W}"), ("imp", "recall [the] {W}"), ("q", "what is in your memory about [the] {W}"), ("q", "can you recall [the] {W}"), ("imp", "remind me what I (said|told you|noted) about [the] {W}"), ("q", "have I told you (anything|something) about [the] {W}"), ("q", "what did we (note|say|keep) about [the] {W}"),
    ],
}

SMALLTALK = [
    (["hello", "hi", "hey", "hello there", "hi there", "good morning", "good afternoon", "hey holt", "hi holt", "hello holt", "good day", "greetings", "howdy", "hey there", "yo", "good evening", "morning", "hello again", "hallo", "hiya"],
     "Hello! What shall I do in this folder?"),
    (["who are you", "what are you", "what is your name", "what's your name", "tell me who you are", "introduce yourself", "are you a robot", "are you a person", "are you human", "what should I call you", "who am I talking to", "are you an AI", "what kind of program are you", "please introduce yourself", "do you have a name", "who is this", "are you holt", "who made you", "tell me about yourself", "are you a bot", "what is holt", "who is holt"],
     "I am holt, an agent that works with the files in this folder."),
    (["what can you do", "how can you help me", "help", "what are you able to do", "what are your abilities", "which tools do you have", "what tools do you have", "list your tools", "what can I ask you", "how do you work", "what do you do", "what are you good at", "how can you help", "tell me what you can do", "what are you for", "what tasks can you do", "can you help me", "I need help", "what is your purpose", "what kind of tasks can you handle", "how do I use you", "which tasks can you do for me", "show me what you can do", "what are your features", "what sort of things can you do"],
     "I can list, read, search, write and edit files, run commands, calculate and keep notes."),
    (["thanks", "thank you", "thanks a lot", "thank you very much", "great, thanks", "thx", "cheers", "many thanks", "perfect, thank you", "ok thanks", "thanks so much", "nice, thanks", "that helps, thanks", "well done", "good job", "great job", "nice work", "you are great", "awesome, thank you", "that was helpful", "much appreciated", "thank you for your help", "good work", "excellent", "appreciate it"],
     "You are welcome."),
    (["bye", "goodbye", "see you", "see you later", "that is all", "bye bye", "good night", "I am done", "that's it for today", "see you tomorrow", "until later", "have a nice day", "ciao", "that was all", "farewell", "talk to you later", "we are done", "I have to go", "nothing else, bye"],
     "Goodbye."),
    (["how are you", "how are you doing", "how is it going", "how do you do", "are you ok", "how's it going", "are you there", "what's up", "are you ready", "how are things", "you there?", "are you awake", "how are you today", "how do you feel", "everything ok", "is everything fine"],
     "I am ready to work. What shall I do?"),
]

OUTSIDE = [
    "what is the weather (like|) (today|tomorrow|in {city}|now|this week)", "will it rain (today|tomorrow|in {city}|this weekend)", "how (warm|cold|hot) is it (outside|in {city}|today)", "is it (sunny|raining|snowing) (outside|in {city}|today)", "[give me|show me] the weather forecast [for {city}|for tomorrow]",
    "write (me|) a (poem|song|haiku|story|novel|joke|limerick|rhyme) about [a|the] {noun}", "tell me a (joke|story|fairy tale|riddle|fun fact)[ about a {noun}]", "sing (me|) a song", "compose a (song|poem|melody) about {noun}s", "make me laugh", "can you write a (poem|story|song) about (love|spring|{noun}s)",
    "book (me|) a (flight|hotel|table|train|taxi|room|ticket) (to|in) {city}", "reserve a table for (two|three|four) in {city}", "find me a cheap flight to {city}", "order (me|) a (pizza|taxi|coffee|burger|book)", "buy (me|) (a|some) {noun}[ online]", "call (me|) a (taxi|cab)", "call my (mother|boss|friend|doctor|brother)", "send an (email|mail|message|letter) to (my boss|my friend|the team|my mother)", "send a text message to my (friend|sister|boss)", "text my (brother|wife|husband) that I am late", "make a phone call",
    "translate ({noun}|hello|good morning|this sentence|thank you) (to|into) (French|German|Spanish|Italian|Japanese|Russian)", "how do you say {noun} in (French|German|Spanish|Italian|Dutch)", "what does {noun} mean in (French|German|Latin|Spanish)", "what is the (French|Spanish|German) word for {noun}",
    "what is the latest news[ from {city}]", "what happened in the (news|world) today", "[show me|give me|read me] (the|today's) (news|headlines)", "who won the (game|election|match|world cup|race) (yesterday|last night|this year|)", "what is the score of the (game|match)", "who is the president of (France|Brazil|the United States|Poland)", "who is the (prime minister|king|queen) of (Spain|Japan|Norway|England)",
    "what do you think (of|about) (politics|{city}|{noun}s|modern art|football|religion)", "which is better, {noun} or {noun2}", "do you like {noun}s", "what is your favourite (color|movie|food|book|song)", "what is your opinion on {noun}s", "what is the meaning of life", "should I (quit my job|buy a house|move to {city}|get a dog|study law)", "do you (love|like) me", "are you happy",
    "draw (me|) a (picture|image) of a {noun}", "make (a|an) (picture|image|video|logo) of a {noun}", "paint a {noun}", "generate an image of a {noun}", "play (some|) (music|jazz|a song|a video|chess with me|a game)", "turn (on|off) the (lights|light|heating|music|tv|radio)", "set (an alarm|a timer) for (five|ten|seven) (minutes|o'clock)", "wake me up at (six|seven|eight)", "open (the door|a browser|youtube|the website of {city})",
    "what is the capital of (France|Spain|Peru|Japan|Kenya|Canada|Australia)", "how (far|big|old) is (the moon|{city}|the sun|the earth|mars)", "how many people live in {city}", "who (wrote|painted|invented|discovered) the ({noun}|telephone|mona lisa|hamlet|radio|steam engine)", "how tall is (mount everest|the eiffel tower)", "when (was|did) (the first world war|the french revolution|columbus|napoleon) (start|end|born|die|live)", "explain (quantum physics|relativity|photosynthesis|gravity|how planes fly|evolution|black holes)", "why is the (sky blue|sea salty|grass green)", "tell me about the history of {city}",
    "what is the (stock price|share price) of (apple|google|microsoft|tesla)", "how much does a {noun} cost", "what is the price of (bitcoin|gold|oil)", "convert (euros|dollars|yen) to (pounds|francs|euros)", "what is the exchange rate of the (euro|dollar|yen)", "how do I (cook|bake|make) (a|an) ({noun}|cake|pizza|omelette)", "give me a recipe for ({noun} soup|pancakes|bread|a cake)", "what should I (eat|wear|cook|watch) (today|tonight|tomorrow)", "recommend (me|) a (movie|book|restaurant|song|film)[ in {city}]", "what is a good restaurant in {city}", "plan a (trip|vacation|holiday|weekend) (to|in) {city}", "show me the way to {city}", "how do I get to {city}", "how long is the flight to {city}",
    "search the (web|internet) for {noun}s", "google {noun}", "look up {noun} on (wikipedia|the internet|the web)", "download (a movie|the latest version|a song|firefox|the website)", "browse to example dot com", "check my (email|inbox|mails|calendar)", "what is on my calendar[ today]", "add a meeting to my calendar", "post (this|a photo) (on|to) (facebook|twitter|instagram)", "print a photo of my (cat|dog)", "am I (sick|healthy|smart|pretty)", "what does my horoscope say", "give me medical advice", "I have a headache, what should I take", "give me (legal|financial|dating) advice", "who will win the (next election|cup|race)", "predict the (future|lottery numbers)", "write a (review|essay|speech|cover letter|love letter) (about|on) {noun}s", "fix my (car|bike|washing machine|printer|phone)", "hack (into|) (a|the) (bank|website|server)", "can you (dance|cook|swim|fly|drive)", "what time is (sunset|the next train to {city})", "when does the (next bus|next train|shop) (leave|open)", "what is on tv tonight", "find me a (job|date|doctor|plumber) in {city}", "how is the traffic in {city}", "is {city} a nice place", "let's talk about (football|love|{noun}s|philosophy)", "what did you do (yesterday|last night)", "sell my {noun}", "pay my (bill|rent|taxes)", "transfer money to my (friend|brother)",
]
