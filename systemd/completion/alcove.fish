# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_alcove_global_optspecs
    string join \n h/help V/version
end

function __fish_alcove_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_alcove_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_alcove_using_subcommand
    set -l cmd (__fish_alcove_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c alcove -n "__fish_alcove_needs_command" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_needs_command" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "run" -d 'Runs the appliance until it is told to stop'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "devices" -d 'Shows cameras, microphones, loudspeakers, displays and encoders, which are used, and why'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "check" -d 'Asks the running appliance to work once: that it is ready, and that a call through it is heard'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "status" -d 'Shows how the appliance of this machine is: what is amiss, why, and what to do'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "claim-code" -d 'Prints the code that makes whoever enters it on the page /admin the owner of this machine\'s appliance'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "apply" -d 'Has one appliance, or many, be configured as documents say; ends with 3 when a dry run finds something to change'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "network" -d 'Changes the network of this machine as the running appliance wants it'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "config" -d 'Shows the configuration'
complete -c alcove -n "__fish_alcove_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand run" -l config -d 'The configuration; /etc/alcove/alcove.toml where it exists and none is named' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand run" -l state -d 'Where keys and tokens are kept' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand run" -l stick -d 'Where a USB stick is mounted that says what the appliance is to be' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand run" -l simulated -d 'Uses simulated hardware even where there is real one'
complete -c alcove -n "__fish_alcove_using_subcommand run" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand run" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand devices" -l json -d 'As JSON, for programs'
complete -c alcove -n "__fish_alcove_using_subcommand devices" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand devices" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand check" -l state -d 'Where it keeps keys and tokens' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand check" -l within -d 'Asks again and again for so long before it gives up' -r
complete -c alcove -n "__fish_alcove_using_subcommand check" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand check" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand status" -l state -d 'Where it keeps keys and tokens' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand status" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand status" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand claim-code" -l state -d 'Where it keeps keys and tokens' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand claim-code" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand claim-code" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand apply" -s f -l file -d 'A document (TOML), or a folder with all.toml and a HOST.toml for each that differs' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l hosts -d 'The appliances, a line `https://HOST[:PORT] TOKEN [FINGERPRINT]` each; that of this machine where absent' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l parallel -d 'How many appliances are spoken with at a time' -r
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l wait -d 'How long to wait until it is in effect' -r
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l state -d 'Where the appliance of this machine keeps keys and tokens' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l dry-run -d 'Only says what would change'
complete -c alcove -n "__fish_alcove_using_subcommand apply" -l now -d 'Starts anew at once what needs it, whoever is in a meeting'
complete -c alcove -n "__fish_alcove_using_subcommand apply" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand apply" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand network; and not __fish_seen_subcommand_from apply help" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand network; and not __fish_seen_subcommand_from apply help" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand network; and not __fish_seen_subcommand_from apply help" -f -a "apply" -d 'Has systemd-networkd take what the appliance has asked for; alcove-network.service runs it as root'
complete -c alcove -n "__fish_alcove_using_subcommand network; and not __fish_seen_subcommand_from apply help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand network; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand network; and __fish_seen_subcommand_from apply" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand network; and __fish_seen_subcommand_from help" -f -a "apply" -d 'Has systemd-networkd take what the appliance has asked for; alcove-network.service runs it as root'
complete -c alcove -n "__fish_alcove_using_subcommand network; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand config; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Prints the configuration in force, with defaults'
complete -c alcove -n "__fish_alcove_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The configuration; /etc/alcove/alcove.toml where it exists and none is named' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from show" -l state -d 'Where what came over the network is kept' -r -F
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from show" -l explain -d 'Says of each key what it means, its unit, its range and its default'
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Prints the configuration in force, with defaults'
complete -c alcove -n "__fish_alcove_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "run" -d 'Runs the appliance until it is told to stop'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "devices" -d 'Shows cameras, microphones, loudspeakers, displays and encoders, which are used, and why'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "check" -d 'Asks the running appliance to work once: that it is ready, and that a call through it is heard'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "status" -d 'Shows how the appliance of this machine is: what is amiss, why, and what to do'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "claim-code" -d 'Prints the code that makes whoever enters it on the page /admin the owner of this machine\'s appliance'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "apply" -d 'Has one appliance, or many, be configured as documents say; ends with 3 when a dry run finds something to change'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "network" -d 'Changes the network of this machine as the running appliance wants it'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "config" -d 'Shows the configuration'
complete -c alcove -n "__fish_alcove_using_subcommand help; and not __fish_seen_subcommand_from run devices check status claim-code apply network config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c alcove -n "__fish_alcove_using_subcommand help; and __fish_seen_subcommand_from network" -f -a "apply" -d 'Has systemd-networkd take what the appliance has asked for; alcove-network.service runs it as root'
complete -c alcove -n "__fish_alcove_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Prints the configuration in force, with defaults'
