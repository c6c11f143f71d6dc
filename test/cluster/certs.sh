# Certificates of a test, in CERTS: sourced after test_begin.
#
# authority NAME                              a CA of its own
# certificate NAME AUTHORITY FIRST-DAY LAST-DAY   signed by it (YYYYMMDD)
# certs_done                                  from now on the servers may read them
# tls NAME [AUTHORITY]                        the provider's options for it (ca)
CERTS=$LS_WORK/certs
mkdir -p "$CERTS"
yesterday=$(date -u -d yesterday +%Y%m%d)
next_month=$(date -u -d 'next month' +%Y%m%d)

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
        -keyout "$CERTS/$1.key" -out "$CERTS/$1.pem" 2>/dev/null
    : >"$CERTS/$1.index" && echo 01 >"$CERTS/$1.serial"
}
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$CERTS/$1.key" -out "$CERTS/$1.csr" 2>/dev/null &&
        openssl ca -batch -notext -in "$CERTS/$1.csr" -out "$CERTS/$1.pem" -cert "$CERTS/$2.pem" \
            -keyfile "$CERTS/$2.key" -startdate "${3}000000Z" -enddate "${4}000000Z" -config /dev/stdin \
            2>/dev/null <<CONFIG
[ca]
default_ca = it
[it]
database = $CERTS/$2.index
serial = $CERTS/$2.serial
new_certs_dir = $CERTS
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
CONFIG
}
certs_done() {
    server_owns "$CERTS"
    chmod 644 "$CERTS"/*.key
}
tls() { echo "socket.ssl_key=$CERTS/$1.key;socket.ssl_cert=$CERTS/$1.pem;socket.ssl_ca=$CERTS/${2:-ca}.pem"; }
