#!/bin/sh
# Slurm and munge from Debian's or Ubuntu's packages, where they are missing; their services are not started.
# Its last line says why where it could not.
set -eu
command -v slurmctld slurmd munged sbatch > /dev/null && exit 0
if [ "$(id -u)" != 0 ]; then echo "it needs root" >&2; exit 1; fi
if ! command -v apt-get > /dev/null; then echo "it needs apt-get" >&2; exit 1; fi

# While this file says so, no package starts a service of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
options="-qq -y --no-install-recommends -o DPkg::Lock::Timeout=600"
# shellcheck disable=SC2086 # the options are several words
apt-get $options install slurm-wlm munge > /dev/null || { apt-get -qq update && apt-get $options install slurm-wlm munge > /dev/null; }
