-- The same 24 features of each (IP, hour) in DuckDB. What depends on the name alone is worked out once a distinct name.
CREATE TEMP TABLE q AS
SELECT day, time[1:2]::TINYINT AS hour, time[4:5]::TINYINT AS minute, split_part(client, '#', 1) AS ip, qname, type, flags, server
FROM read_csv('$LOG', delim=' ', quote='', escape='', header=false, auto_detect=false,
    columns={'day':'VARCHAR','time':'VARCHAR','c2':'VARCHAR','c3':'VARCHAR','c4':'VARCHAR','c5':'VARCHAR',
             'client':'VARCHAR','c7':'VARCHAR','c8':'VARCHAR','qname':'VARCHAR','c10':'VARCHAR','type':'VARCHAR',
             'flags':'VARCHAR','server':'VARCHAR'});

CREATE TEMP TABLE name AS
SELECT qname, dense_rank() OVER (ORDER BY lower_name) AS name_id, dense_rank() OVER (ORDER BY domain) AS domain_id,
       strlen(qname) AS length, list_max(list_transform(labels, lambda x: strlen(x))) AS label, qname <> lower_name AS mixed
FROM (SELECT qname, lower(qname) AS lower_name, string_split(lower(qname), '.') AS labels,
             array_to_string(labels[-2:], '.') AS domain
      FROM (SELECT DISTINCT qname FROM q));

CREATE TEMP TABLE features AS
SELECT strftime(strptime(day, '%d-%b-%Y'), '%Y-%m-%d ') || lpad(hour::VARCHAR, 2, '0') AS "window", ip,
       (isodow(strptime(day, '%d-%b-%Y')) < 6)::INT AS weekday, (hour < 7 OR hour >= 20)::INT AS night, f.* EXCLUDE (day, hour, ip)
FROM (SELECT day, hour, ip, count(*) AS total,
             count(*) FILTER (type = 'A') / count(*) AS share_a, count(*) FILTER (type = 'AAAA') / count(*) AS share_aaaa,
             count(*) FILTER (type = 'PTR') / count(*) AS share_ptr, count(*) FILTER (type = 'TXT') / count(*) AS share_txt,
             count(*) FILTER (type = 'NULL') / count(*) AS share_null, count(*) FILTER (type = 'MX') / count(*) AS share_mx,
             count(*) FILTER (type = 'SRV') / count(*) AS share_srv, count(*) FILTER (type = 'HTTPS') / count(*) AS share_https,
             count(*) FILTER (type NOT IN ('A','AAAA','PTR','TXT','NULL','MX','SRV','HTTPS')) / count(*) AS share_other,
             count(*) FILTER (mixed) / count(*) AS share_mixed,
             count(*) FILTER (contains(flags, 'E')) / count(*) AS share_edns,
             count(*) FILTER (contains(flags, 'T')) / count(*) AS share_tcp,
             count(*) FILTER (contains(flags, 'D')) / count(*) AS share_do,
             bit_count(bit_or(1::BIGINT << minute)) AS minutes,
             count(DISTINCT name_id) AS qnames, count(DISTINCT domain_id) AS domains, count(DISTINCT server) AS servers,
             sum(length) / count(*) AS length_mean, max(length) AS length_max,
             sum(label) / count(*) AS label_mean, max(label) AS label_max
      FROM q JOIN name USING (qname) GROUP BY day, hour, ip) AS f;

COPY features TO '$OUT' (HEADER);

SELECT sum(total)::BIGINT, count(*) FROM features;
