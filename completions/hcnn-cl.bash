# SPDX-License-Identifier: Apache-2.0
# Completion of hcnn-cl's command line in bash. The script has no list of commands, options and
# values of its own: it asks the program on the command line (`hcnn-cl COMMAND --help=words`).

# Prints what the table says about the value of option $1, or about an operand if $1 is operand.
_hcnn_cl_value()
{
    local names value
    while read -r names value; do
        if [[ ,$names, == *,"${1//_/-}",* ]]; then
            printf '%s\n' "$value"
            return
        fi
    done <<<"$table"
}

# Prints a word as the shell reads it: without quotes and backslashes, with ~/ expanded. Runs
# nothing in it, so variables are not expanded.
_hcnn_cl_plain()
{
    local word=${1/#\~\//$HOME/} plain='' quote='' sign
    local -i i
    for ((i = 0; i < ${#word}; i++)); do
        sign=${word:i:1}
        if [[ $sign == "$quote" ]]; then
            quote=''
        elif [[ ! $quote && $sign == [\'\"] ]]; then
            quote=$sign
        elif [[ $sign == \\ && $quote != \' ]]; then
            i+=1
            plain+=${word:i:1}
        else
            plain+=$sign
        fi
    done
    printf '%s\n' "$plain"
}

# Prints the directories of the runs in the store that the line names, else in the usual one. Leaves
# out names with a masked character (?), because the masked name does not exist.
_hcnn_cl_runs()
{
    local -a store=()
    local -i i
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == --store ]]; then
            if [[ ${COMP_WORDS[i + 1]} == = ]]; then
                i+=1
            fi
            store=(--store "$(_hcnn_cl_plain "${COMP_WORDS[i + 1]}")")
        fi
    done
    "$program" runs --columns directory "${store[@]}" 2>/dev/null | tail -n +2 | grep -vF '?'
}

# For each run on standard input, prints the best checkpoint, or the last one if the first epoch has
# not ended.
_hcnn_cl_checkpoints()
{
    local run name
    while IFS= read -r run; do
        for name in best last; do
            if [[ -f $run/$name.safetensors ]]; then
                printf '%s\n' "$run/$name.safetensors"
                break
            fi
        done
    done
}

# _hcnn_cl_offer OPTION_OF_COMPGEN...: offers what begins like the current word, blanks included.
_hcnn_cl_offer()
{
    local word
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen "$@" -- "$current")
}

# Offers each line of $1 that begins like the current word.
_hcnn_cl_offer_lines()
{
    local line
    while IFS= read -r line; do
        if [[ -n $line && $line == "$current"* ]]; then
            COMPREPLY+=("$line")
        fi
    done <<<"$1"
}

# _hcnn_cl_offer_value VALUE: offers values for kinds (in capitals) and words, separated by '|'.
_hcnn_cl_offer_value()
{
    local kind
    local -a kinds
    IFS='|' read -ra kinds <<<"$1"
    for kind in "${kinds[@]}"; do
        case $kind in
        FILE | PATH) _hcnn_cl_offer -f ;;
        DIR) _hcnn_cl_offer -d ;;
        RUN)
            _hcnn_cl_offer_lines "$(_hcnn_cl_runs)"
            _hcnn_cl_offer -d
            ;;
        CHECKPOINT)
            _hcnn_cl_offer_lines "$(_hcnn_cl_runs | _hcnn_cl_checkpoints)"
            _hcnn_cl_offer -f
            ;;
        [[:upper:]]*) ;; # a number, or a name that the user makes up
        *) _hcnn_cl_offer -W "$kind" ;;
        esac
    done
}

# Offers the options of the table in their first spelling.
_hcnn_cl_offer_options()
{
    local names value
    while read -r names value; do
        if [[ $names == -* && ${names%%,*} == "$current"* ]]; then
            COMPREPLY+=("${names%%,*}")
        fi
    done <<<"$table"
}

_hcnn_cl()
{
    local program=${1/#\~\//$HOME/} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
    local option=${COMP_WORDS[COMP_CWORD - 1]} value='' table ended=''
    local -i i
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _hcnn_cl_offer_lines "$("$program" --help=words 2>/dev/null)"
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            ended=yes
        fi
    done
    # After --, sweep accepts options of train.
    if [[ $ended && $command == sweep ]]; then
        command=train ended=''
    fi
    table=$("$program" "$command" --help=words 2>/dev/null) || return
    # bash splits "--split=test" into three words.
    if [[ $current == = ]]; then
        current=''
    elif [[ $option == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ ! $ended && $option == -?* ]]; then
        value=$(_hcnn_cl_value "$option")
    fi
    if [[ $value && $value != \[* ]]; then
        _hcnn_cl_offer_value "$value"
    elif [[ ! $ended && $current == -* ]]; then
        _hcnn_cl_offer_options
    else
        value=$(_hcnn_cl_value operand)
        _hcnn_cl_offer_value "$value"
        if [[ ! $value && ! $ended ]]; then
            _hcnn_cl_offer_options
        fi
    fi
    compopt -o filenames 2>/dev/null
}

complete -F _hcnn_cl hcnn-cl
