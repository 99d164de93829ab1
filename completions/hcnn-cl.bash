# SPDX-License-Identifier: Apache-2.0
# Completion of hcnn-cl's command line in bash. Which commands, options and values there are is asked
# of the program that stands on the line (`hcnn-cl COMMAND --help=words`); there is no list here.

# What the table says a value of $1 is, or what an operand is for $1 = operand.
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

# What the shell makes of a word with ~/, quotes and backslashes. Nothing of it is run, so a variable
# stays what it is.
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

# Directories of the runs in the store of the line, else in the usual one. One with a character that
# is masked would not be found by what is shown.
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

# Of the runs on standard input: the best checkpoint, or the last where the first epoch has not ended.
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

# _hcnn_cl_offer OPTION_OF_COMPGEN...: what begins as the current word does. A name may hold blanks.
_hcnn_cl_offer()
{
    local word
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen "$@" -- "$current")
}

# Each line of $1 that begins as the current word does.
_hcnn_cl_offer_lines()
{
    local line
    while IFS= read -r line; do
        if [[ -n $line && $line == "$current"* ]]; then
            COMPREPLY+=("$line")
        fi
    done <<<"$1"
}

# _hcnn_cl_offer_value VALUE: kinds in capitals and words, with '|' between.
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
        [[:upper:]]*) ;; # a number or a name of the user's own
        *) _hcnn_cl_offer -W "$kind" ;;
        esac
    done
}

# Options of the table, by their first spelling.
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
    # Behind -- a sweep takes options of train.
    if [[ $ended && $command == sweep ]]; then
        command=train ended=''
    fi
    table=$("$program" "$command" --help=words 2>/dev/null) || return
    # bash takes "--split=test" for three words.
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
